"""What one Envoy is told beside the contracts: where things are, and the limits that an operator sets."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Gateway:
    """Where things are: addresses as `host:port`, and the limits that an operator sets."""

    listen: str = "0.0.0.0:8080"  # the public listener
    admin_port: int = 9901
    descriptors: str = "/etc/fusionxpay/api.binpb"
    upstreams: dict[str, str] = field(
        default_factory=lambda: {
            "order": "order_svc:50051",
            "payment": "payment_svc:50051",
            "notify": "notify_svc:50051",
            "edge": "edge:50051",
        }
    )
    audit_file: str = "/var/spool/fusionxpay/audit.jsonl"
    """Where the audit's lines go; `audit_svc` follows it."""
    requests_per_second: int = 1000
    """Per merchant and mode, at this Envoy; a burst may be twice as many."""
    key_requests_per_second: int = 1000
    """Per key, likewise; less than a merchant's, it keeps one key from using up what all of them have."""
    webhooks_per_second: int = 1000
    """Per provider; all together may send four times as many."""
    global_limit: bool = False
    """Whether the edge service is asked about the limit across all Envoys."""
    trusted_hops: int = 0
    """How many proxies of ours are before this Envoy: as many addresses at the end of `x-forwarded-for` are theirs."""
