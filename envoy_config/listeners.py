"""The public listeners: HTTPS, and what HTTP is for beside it."""

from __future__ import annotations

from copy import deepcopy

from envoy_config import tls
from envoy_config.config import Config
from envoy_config.options import EnvoyOptions


def listener(name: str, address: str, settings: Config, manager: Config, **of_chain: object) -> Config:
    """Return a listener at `host:port` that speaks HTTP as `manager` says, over what else its chain is given."""
    host, _, port = address.rpartition(":")
    chain: Config = {"filters": [{"name": "http", "typed_config": deepcopy(manager)}], **of_chain}
    where = {"socket_address": {"address": host, "port_value": int(port)}}
    return {"name": name, "address": where, **deepcopy(settings), "filter_chains": [chain]}


def public_listeners(options: EnvoyOptions, settings: Config, manager: Config) -> list[Config]:
    """Return the listeners of the public API: `settings` are the same for all, `manager` speaks HTTP."""
    plain, secure = options.listen, options.https_listen
    found = []
    if options.http == "plain" or not secure:
        found.append(listener("public", plain, settings, manager))
    elif options.http == "redirect":
        found.append(listener("redirect", plain, settings, _redirecting(manager, options.public_https_port)))
    if secure:
        safe = manager | {"route_config": tls.with_hsts(manager["route_config"])}
        # the limit of headers begins with the first request, which has to be preceded by the handshake
        over_tls = {
            "transport_socket": tls.from_public(options.sds_folder),
            "transport_socket_connect_timeout": options.headers_timeout,
        }
        found.append(listener("public_https", secure, settings, safe, **over_tls))
    return found


def _redirecting(manager: Config, port: int) -> Config:
    """Send all but health checks to HTTPS, by a 308, which keeps method and body (RFC 9110, section 15.4.9)."""
    health = manager["route_config"]["virtual_hosts"][0]["routes"][0]
    away = {
        "name": "redirect",
        "match": {"prefix": "/"},
        "redirect": {"https_redirect": True, "port_redirect": port, "response_code": "PERMANENT_REDIRECT"},
    }
    health = {name: value for name, value in health.items() if name != "typed_per_filter_config"}
    routes = {"name": "redirect", "virtual_hosts": [{"name": "redirect", "domains": ["*"], "routes": [health, away]}]}
    return manager | {"route_config": routes, "http_filters": manager["http_filters"][-1:]}
