"""What the clusters of our processes have in common: addresses, health checks, and retries elsewhere."""

from __future__ import annotations

from envoy_config.config import TYPE, Config
from mesh.settings import LOOK_SECONDS

AGAIN_SECONDS = 0.5
HEALTH_CHECK: Config = {
    "timeout": "1s",
    # each question costs the replica a millisecond and a dozen of wakes: what waits for its answer is the drain alone
    "interval": f"{LOOK_SECONDS:g}s",
    "no_traffic_healthy_interval": f"{LOOK_SECONDS:g}s",
    # one that comes back is had again at once
    "unhealthy_interval": f"{AGAIN_SECONDS:g}s",
    "no_traffic_interval": f"{AGAIN_SECONDS:g}s",
    "unhealthy_threshold": 1,
    "healthy_threshold": 1,
}
"""How often a replica is asked; by which protocol is said beside it."""
REPLICAS: Config = {
    # Envoy's second of waiting for further changes would send requests to a replica that has already left
    "update_merge_window": "0s",
    # all are asked only where none is healthy (a check can fail where nothing else does); by default, they are as soon
    # as half of them are, and of three replicas the two that are gone would get two thirds of the requests
    "healthy_panic_threshold": {"value": 1},
}
"""Which of a cluster's replicas are asked."""
RETRIES: Config = {"budget_percent": {"value": 20}, "min_retry_concurrency": 20}
"""Of the requests under way, how many may be retries: Envoy's three at once are fewer than a replica leaves behind."""
NOT_AGAIN: Config = {
    "name": "envoy.retry_host_predicates.previous_hosts",
    "typed_config": {
        "@type": f"{TYPE}envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate",
    },
}
"""A retry goes to a replica that has not failed this request."""
WINDOWS: Config = {
    # what a client does not read stays here, and the service waits with the rest
    "initial_stream_window_size": 256 << 10,
    # a connection carries the answers to everybody. By default it holds less than two answers that nobody reads: then
    # nobody else was answered at all. How many there may be is said by the limits of streams and of memory
    "initial_connection_window_size": (1 << 31) - 1,
}
"""How much of an answer, and of all answers of one connection, may be on its way from a replica (RFC 9113, 5.2)."""


def endpoint(address: str) -> Config:
    """Return an endpoint of a cluster, from `host:port`."""
    host, _, port = address.rpartition(":")
    return {"endpoint": {"address": {"socket_address": {"address": host, "port_value": int(port)}}}}
