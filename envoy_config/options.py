"""What configures one Envoy beside the contracts: addresses, and the limits that an operator sets."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Http = Literal["plain", "redirect", "off"]


@dataclass(frozen=True)
class EnvoyOptions:
    """Where things are: addresses as `host:port`, and the limits that an operator sets."""

    listen: str = "0.0.0.0:8080"
    """Where HTTP is spoken."""
    https_listen: str = "0.0.0.0:8443"
    """Where HTTPS is spoken; empty: nowhere."""
    http: Http = "redirect"
    """What HTTP is for: `plain` answers, `redirect` sends to HTTPS, `off` has no listener."""
    public_https_port: int = 443
    """The port that a redirected client is sent to."""
    tls_folder: str = "/etc/fusionxpay/tls"
    """Holds `envoy/` and `public/`, with their certificates."""
    sds_folder: str = "/etc/envoy/sds"
    """Holds what `tls.secrets` renders."""
    mutual_tls: bool = True
    """Whether services are spoken to by mutual TLS, or in plain text."""
    admin_port: int = 9901
    """Where Envoy's administration listens on loopback, which asks nobody who it is."""
    admin_socket: str = ""
    """A unix socket that the administration has instead: no other account of the machine gets in."""
    metrics_listen: str = "0.0.0.0:9465"
    """Where Prometheus finds Envoy's own series, under `/metrics`, and nothing else is answered; empty: nowhere."""
    descriptors: str = "/etc/fusionxpay/api.binpb"
    upstreams: dict[str, str] = field(
        default_factory=lambda: {
            "order": "order_svc:50051",
            "payment": "payment_svc:50051",
            "notify": "notify_svc:50051",
            "edge": "edge:50051",
        }
    )
    """Where each cluster is; the addresses of several replicas have commas between them."""
    console: str = "console:50051"
    """Where the console is, likewise; empty: there is none."""
    audit_file: str = "/var/spool/fusionxpay/audit.jsonl"
    """Where the audit's lines go; `audit_svc` follows it."""
    max_connections: int = 10_000
    """Connections of clients at once; more are closed at once."""
    max_heap_bytes: int = 1 << 30
    """Memory at which no new requests are taken, at 95 % of it."""
    headers_timeout: str = "10s"
    """How long a request's headers may take to arrive."""
    request_timeout: str = "15s"
    """How long a whole request may take to arrive."""
    requests_per_second: int = 1000
    """Per merchant and mode, at this Envoy; a burst may be twice as many."""
    key_requests_per_second: int = 1000
    """Per key, likewise; less than a merchant's, it keeps one key from using up what all of them have."""
    webhooks_per_second: int = 1000
    """Per provider and address that it sends from."""
    account_webhooks_per_second: int = 200
    """Likewise, of a merchant's own account: its owner signs what they like, and as often."""
    console_requests_per_second: int = 50
    """Per address, of pages of the console, and as many of the documentation; ten times as many at once."""
    link_requests_per_second: int = 20
    """Per address, of pages of payment links; ten times as many at once."""
    stranger_requests_per_second: int = 100
    """Per address (of IPv6, per /64), of requests whose key was not accepted lately; five times as many at once."""
    refused_requests_per_second: int = 20
    """Per key, of requests that are refused before they come to a service; beyond it and ten times as many at once the
    key sends only as many, of whatever kind. Five times as many per merchant and mode."""
    stranger_webhooks_per_second: int = 20
    """Per address, of webhooks while none of its own was accepted lately; likewise."""
    webhook_networks: str = ""
    """Where webhooks come from, by provider: `stripe=3.18.12.63,3.130.192.231;paypal=…`; of others from anywhere."""
    global_limit: bool = False
    """Whether the edge service is asked about the limit across all Envoys."""
    trusted_hops: int = 0
    """How many proxies of ours are before this Envoy: as many addresses at the end of `x-forwarded-for` are theirs."""
    otlp_endpoint: str = ""
    """Where spans go, as `http://host:port` or `https://host:port`, by gRPC; empty: nowhere, and none are made."""
    trace_part: float = 1.0
    """Which part of all requests is traced, from 0 to 1."""
