"""Envoy before several cells: asks the edge which of them a request goes to, and sends it there as it came.

All else, such as keys, limits, translation and the audit, is the cell's own. The cells' Envoys have one trusted hop
more. Webhooks of providers, whose address is one for all cells, are answered by the first cell, and the others are
given a copy: each knows its own payments.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from envoy_config import local_replies, tls
from envoy_config.config import TYPE, Config, dumped, typed
from envoy_config.endpoints import HEALTH_CHECK, REPLICAS, WINDOWS, endpoint
from envoy_config.listeners import public_listeners
from envoy_config.metrics import admin_address
from envoy_config.options import EnvoyOptions
from envoy_config.render import fragment, health_route
from mesh.rpc.headers import CELL, CELL_CHECK, CHECK

ASK_SECONDS = 8
"""How long the edge may take: longer than it holds a request whose merchant is on its way."""
IDLE_TIMEOUT = "60s"


@dataclass(frozen=True)
class Cells:
    """Where the cells are: the `host:port` of each one's Envoy by its name, in the order that the edge has them."""

    addresses: Mapping[str, str]
    edge: str
    """Where an edge is that knows the cells; of several, by comma."""


def render_cells(cells: Cells, options: EnvoyOptions) -> str:
    """Return the configuration as YAML. Of the options, those of the upstreams, limits and the audit are not used."""
    config: Config = {"admin": {"address": admin_address(options)}} | fragment("bootstrap", options)
    settings = config["static_resources"].pop("listener")
    manager = fragment("http", options)
    strip = manager["early_header_mutation_extensions"][0]["typed_config"]["mutations"]
    if not options.trusted_hops:
        strip.append({"remove": "x-forwarded-for"})
    manager |= {
        "local_reply_config": local_replies.local_replies(),
        # the cell's is what its logs know
        "generate_request_id": False,
        "always_set_request_id_in_response": False,
        "route_config": {"name": "cells", "virtual_hosts": [_virtual_host(list(cells.addresses))]},
        "http_filters": [
            {"name": "cell", "typed_config": _asking_which()},
            {"name": "router", "typed_config": typed("router.v3.Router", suppress_envoy_headers=True)},
        ],
    }
    edge = _cluster("edge", cells.edge) | {"health_checks": [HEALTH_CHECK | {"grpc_health_check": {}}]}
    if options.mutual_tls:
        edge["transport_socket"] = tls.to_upstream("edge", options.sds_folder)
    probe = {"path": "/healthz"}
    ways = [
        _cluster(f"cell-{name}", where) | {"health_checks": [HEALTH_CHECK | {"http_health_check": probe}]}
        for name, where in cells.addresses.items()
    ]
    listeners = public_listeners(options, settings, manager)
    config["static_resources"] = {"listeners": listeners, "clusters": [edge, *ways]}
    return dumped(config)


def _asking_which() -> Config:
    return typed(
        "ext_authz.v3.ExtAuthz",
        transport_api_version="V3",
        grpc_service={
            "envoy_grpc": {"cluster_name": "edge"},
            "timeout": f"{ASK_SECONDS}s",
            "initial_metadata": [{"key": CHECK, "value": CELL_CHECK}],
        },
        allowed_headers={"patterns": [{"exact": name} for name in ("authorization", "content-type", "x-request-id")]},
        failure_mode_allow=False,
        status_on_error={"code": "ServiceUnavailable"},
        # the answer is what the route is chosen by
        clear_route_cache=True,
    )


def _virtual_host(names: list[str]) -> Config:
    first, *others = names
    health = health_route() | {
        "typed_per_filter_config": {"cell": typed("ext_authz.v3.ExtAuthzPerRoute", disabled=True)}
    }
    copies = [{"cluster": f"cell-{name}"} for name in others]
    webhook = _way(first, "webhooks", {"prefix": "/v1/webhooks/"})
    webhook["route"]["request_mirror_policies"] = copies
    # before it is known where a request goes, it has to be on some route: this one leads nowhere
    nowhere = {"name": "nowhere", "match": {"prefix": "/"}, "direct_response": {"status": 503}}
    return {
        "name": "cells",
        "domains": ["*"],
        "routes": [health, webhook, *(_way(name, name, {"prefix": "/"}) for name in names), nowhere],
    }


def _way(cell: str, name: str, match: Config) -> Config:
    return {
        "name": name,
        "match": match | {"headers": [{"name": CELL, "string_match": {"exact": cell}}]},
        "route": {
            "cluster": f"cell-{cell}",
            # how long an answer takes, is for the cell to say
            "timeout": "0s",
            "idle_timeout": IDLE_TIMEOUT,
            "retry_policy": {"retry_on": "connect-failure,refused-stream", "num_retries": 2},
        },
        "request_headers_to_remove": [CELL],
    }


def _cluster(name: str, addresses: str) -> Config:
    options = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
    return {
        "name": name,
        "type": "STRICT_DNS",
        "connect_timeout": "1s",
        "common_lb_config": REPLICAS,
        "per_connection_buffer_limit_bytes": 1 << 20,
        "load_assignment": {
            "cluster_name": name,
            "endpoints": [{"lb_endpoints": [endpoint(one) for one in addresses.split(",")]}],
        },
        "typed_extension_protocol_options": {
            options: {"@type": f"{TYPE}{options}", "explicit_http_config": {"http2_protocol_options": WINDOWS}}
        },
    }
