"""Envoy's configuration for one stack."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from envoy_config import tls
from envoy_config.options import Gateway
from envoy_config.render import render
from mesh.rpc.routes import DESCRIPTORS
from stack.layout import Site
from stack.state import write_private

EnvoyConfig = Callable[[Site], Path]
# Envoy's name for each service that it routes to.
UPSTREAMS = {"order": "order_svc", "payment": "payment_svc", "notify": "notify_svc", "edge": "edge"}


def render_envoy(site: Site) -> Path:
    """Write Envoy's configuration, with the site's addresses in it, and return the file."""
    folder = site.data.folder("envoy")
    gateway = Gateway(
        listen=site.address("envoy"),
        https_listen=site.address("envoy_https"),
        http=site.http,
        public_https_port=site.ports["envoy_https"],
        sds_folder=str(folder),
        mutual_tls=site.mutual_tls,
        admin_port=site.ports["envoy_admin"],
        descriptors=str(DESCRIPTORS),
        upstreams={upstream: site.address(service) for upstream, service in UPSTREAMS.items()},
        audit_file=str(site.audit_file),
        requests_per_second=site.requests_per_second,
        key_requests_per_second=site.key_requests_per_second,
        global_limit=site.global_requests_per_second > 0,
        trusted_hops=site.trusted_hops,
    )
    for name, secret in tls.secrets(str(site.data.folder("tls"))).items():
        write_private(folder / name, secret)
    config = folder / "envoy.yaml"
    write_private(config, render(gateway))
    return config
