"""Envoy's own series for Prometheus: of all that its administration can do, this one page is answered."""

from __future__ import annotations

from envoy_config.config import TYPE, Config, typed
from envoy_config.options import EnvoyOptions

CLUSTER = "administration"
_PAGE = "/stats/prometheus?usedonly"
_MANAGER = "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"


def metrics_listener(options: EnvoyOptions) -> Config:
    """Return the listener that has the one route."""
    host, _, port = options.metrics_listen.rpartition(":")
    page = {
        "match": {"path": "/metrics", "headers": [{"name": ":method", "string_match": {"exact": "GET"}}]},
        "route": {"cluster": CLUSTER, "prefix_rewrite": _PAGE, "timeout": "5s"},
    }
    manager = {
        "@type": f"{TYPE}{_MANAGER}",
        "stat_prefix": "metrics",
        "route_config": {"name": "metrics", "virtual_hosts": [{"name": "metrics", "domains": ["*"], "routes": [page]}]},
        "http_filters": [{"name": "router", "typed_config": typed("router.v3.Router")}],
    }
    return {
        "name": "metrics",
        "address": {"socket_address": {"address": host, "port_value": int(port)}},
        "filter_chains": [{"filters": [{"name": "http", "typed_config": manager}]}],
    }


def admin_address(options: EnvoyOptions) -> Config:
    """Return where the administration listens: never outside of the machine."""
    if options.admin_socket:
        return {"pipe": {"path": options.admin_socket, "mode": 0o600}}
    return {"socket_address": {"address": "127.0.0.1", "port_value": options.admin_port}}


def administration(options: EnvoyOptions) -> Config:
    """Return the cluster of Envoy's own administration."""
    return {
        "name": CLUSTER,
        "type": "STATIC",
        "connect_timeout": "1s",
        "load_assignment": {
            "cluster_name": CLUSTER,
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": admin_address(options)}}]}],
        },
    }
