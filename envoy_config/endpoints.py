"""What the clusters of our processes have in common: addresses, health checks, and retries elsewhere."""

from __future__ import annotations

from envoy_config.config import TYPE, Config

HEALTH_CHECK: Config = {
    "timeout": "1s",
    "interval": "0.5s",
    "no_traffic_interval": "0.5s",
    "unhealthy_threshold": 1,
    "healthy_threshold": 1,
}
"""How often a replica is asked; by which protocol is said beside it."""
NOT_AGAIN: Config = {
    "name": "envoy.retry_host_predicates.previous_hosts",
    "typed_config": {
        "@type": f"{TYPE}envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate",
    },
}
"""A retry goes to a replica that has not failed this request."""


def endpoint(address: str) -> Config:
    """Return an endpoint of a cluster, from `host:port`."""
    host, _, port = address.rpartition(":")
    return {"endpoint": {"address": {"socket_address": {"address": host, "port_value": int(port)}}}}
