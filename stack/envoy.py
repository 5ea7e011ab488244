"""Envoy's configuration for one stack."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from envoy_config import tls
from envoy_config.options import EnvoyOptions
from envoy_config.render import configuration
from mesh.contract.descriptors import DESCRIPTORS
from stack.layout import StackLayout
from stack.state import write_private

EnvoyConfig = Callable[[StackLayout], Path]
# Envoy's name for each service that it routes to.
UPSTREAMS = {"order": "order_svc", "payment": "payment_svc", "notify": "notify_svc", "edge": "edge"}


def render_envoy(layout: StackLayout, **rates: int) -> Path:
    """Write Envoy's configuration, with the layout's addresses and other rates in it, and return the file."""
    folder = layout.data.folder("envoy")
    gateway = EnvoyOptions(
        listen=layout.address("envoy"),
        https_listen=layout.address("envoy_https"),
        http=layout.http,
        public_https_port=layout.ports["envoy_https"],
        sds_folder=str(folder),
        mutual_tls=layout.mutual_tls,
        admin_socket=layout.envoy_admin,
        metrics_listen=layout.address("envoy_metrics"),
        descriptors=str(DESCRIPTORS),
        upstreams={upstream: ",".join(layout.addresses(service)) for upstream, service in UPSTREAMS.items()},
        console=",".join(layout.addresses("console")) if "console" in layout.embedded else "",
        audit_file=str(layout.audit_file),
        requests_per_second=layout.requests_per_second,
        key_requests_per_second=layout.key_requests_per_second,
        global_limit=layout.global_requests_per_second > 0,
        trusted_hops=layout.trusted_hops,
        otlp_endpoint=layout.otlp_endpoint,
        trace_part=layout.trace_part,
        **rates,  # type: ignore[arg-type]  # the caller knows them
    )
    for name, secret in tls.secrets(str(layout.data.folder("tls"))).items():
        write_private(folder / name, secret)
    # written and read anew for each stack: by YAML both take a fifth of a second more
    config = folder / "envoy.json"
    write_private(config, json.dumps(configuration(gateway)))
    return config
