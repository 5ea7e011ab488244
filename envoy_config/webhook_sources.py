"""Where a provider's webhooks may come from: what comes from elsewhere is refused before anything else looks at it.

Source: Envoy documentation, "Role Based Access Control (RBAC) Filter".
"""

from __future__ import annotations

import re

from envoy_config.config import Config, typed
from mesh.urls.networks import Network, networks_by_name

NAME = "webhook_sources"
PATH = "/v1/webhooks/"


def webhook_sources() -> Config:
    """Return the filter, which refuses nothing but on the routes that say what."""
    return typed("rbac.v3.RBAC")


def of_networks(setting: str) -> Config:
    """Return what differs for webhooks: each provider of the setting is refused from elsewhere; none: nothing is."""
    policies = {name: _from_elsewhere(name, networks) for name, networks in networks_by_name(setting).items()}
    if not policies:
        return {}
    return {NAME: typed("rbac.v3.RBACPerRoute", rbac={"rules": {"action": "DENY", "policies": policies}})}


def _from_elsewhere(provider: str, networks: tuple[Network, ...]) -> Config:
    path = {"safe_regex": {"regex": f"{PATH}{re.escape(provider)}(/.*)?"}}
    # the address that Envoy resolves behind `trusted_hops` proxies, as the services are told it
    ids = [
        {"remote_ip": {"address_prefix": str(network.network_address), "prefix_len": network.prefixlen}}
        for network in networks
    ]
    return {
        "permissions": [{"url_path": {"path": path}}],
        "principals": [{"not_id": {"or_ids": {"ids": ids}}}],
    }
