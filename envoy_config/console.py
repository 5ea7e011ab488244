"""The way to the console: its pages are plain HTTP/1.1, behind the same listener as the API."""

from __future__ import annotations

from envoy_config import tls
from envoy_config.config import Config
from envoy_config.endpoints import HEALTH_CHECK, NOT_AGAIN, REPLICAS, endpoint
from envoy_config.filters import of_pages
from envoy_config.options import EnvoyOptions
from envoy_config.rate_limits import of_console, of_docs, of_links

NAME = "console"
PAGE_TIMEOUT = "30s"
STREAM_IDLE_TIMEOUT = "60s"
HEALTH_PATH = "/console/healthz"
_ELSEWHERE = {
    "retry_on": "connect-failure",
    "num_retries": 2,
    "retry_host_predicate": [NOT_AGAIN],
    "host_selection_retry_max_attempts": 3,
}


def console_routes(options: EnvoyOptions) -> list[Config]:
    """Return the routes to the console's pages and to its stream of events; none where there is no console."""
    if not options.console:
        return []
    stream = {"timeout": "0s", "idle_timeout": STREAM_IDLE_TIMEOUT}
    page, limit = {"timeout": PAGE_TIMEOUT}, of_console(options)
    return [
        _route("console stream", {"path": "/console/live/stream"}, stream, limit),
        _route("console", {"safe_regex": {"regex": "/console(/.*)?"}}, page, limit),
        # for everybody, likewise of the same process
        _route("docs", {"safe_regex": {"regex": "/docs(/.*)?"}}, page, of_docs(options)),
        # payment links, for customers: of the same process, and of no login
        _route("payment link", {"safe_regex": {"regex": "/pay/.*"}}, page, of_links(options)),
    ]


def _route(name: str, match: Config, times: Config, limit: Config) -> Config:
    return {
        "name": name,
        "match": match,
        "route": {"cluster": NAME, **times, "retry_policy": _ELSEWHERE},
        "typed_per_filter_config": of_pages(limit),
    }


def console_clusters(options: EnvoyOptions) -> list[Config]:
    """Return the cluster of the console; none where there is no console."""
    if not options.console:
        return []
    endpoints = [endpoint(one) for one in options.console.split(",")]
    cluster: Config = {
        "name": NAME,
        "type": "STRICT_DNS",
        "connect_timeout": "1s",
        "lb_policy": "ROUND_ROBIN",
        "common_lb_config": REPLICAS,
        "load_assignment": {"cluster_name": NAME, "endpoints": [{"lb_endpoints": endpoints}]},
        "health_checks": [HEALTH_CHECK | {"http_health_check": {"path": HEALTH_PATH}}],
    }
    if options.mutual_tls:
        cluster["transport_socket"] = tls.to_upstream(NAME, options.sds_folder, "http/1.1")
    return [cluster]
