"""Render Envoy's configuration from the contracts: `python -m edge.render` writes `envoy/envoy.yaml`.

With `--check` it writes nothing and fails when that file is stale. The static parts are fragments in
`envoy/fragments/`; routes, transcoding and clusters come from the descriptor set.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from string import Template

import yaml

from edge import errors
from edge.errors import Config
from edge.routes import Route, contract_routes

FOLDER = Path(__file__).resolve().parent.parent / "envoy"
RENDERED = FOLDER / "envoy.yaml"
TYPE = "type.googleapis.com/"
FILTERS = "envoy.extensions.filters.http"
MAX_BODY = 64 * 1024
MAX_WEBHOOK_BODY = 256 * 1024
ROUTE_TIMEOUT = "20s"
JSON_TYPE = r"(?i)application/json(\s*;.*)?"


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
    requests_per_second: int = 1000
    """Per merchant; a burst may be twice as many."""
    webhooks_per_second: int = 1000
    """Of all providers together."""


def render(gateway: Gateway) -> str:
    """Return the configuration as YAML."""
    routes = [route for route in contract_routes() if route.package in gateway.upstreams]
    config = _fragment("bootstrap", gateway)
    listener = config["static_resources"]["listeners"][0]
    manager = _fragment("http", gateway) | {
        "local_reply_config": errors.local_replies(),
        "route_config": {"name": "public", "virtual_hosts": [_virtual_host(routes)]},
        "http_filters": _filters(routes, gateway),
    }
    listener["filter_chains"] = [{"filters": [{"name": "http", "typed_config": manager}]}]
    config["static_resources"]["clusters"] = [_cluster(name, where) for name, where in gateway.upstreams.items()]
    header = "# Rendered from the contracts by `make gen`. Do not edit: change envoy/fragments/ or edge/render.py.\n"
    return header + yaml.safe_dump(config, sort_keys=False, width=120)


def _fragment(name: str, gateway: Gateway) -> Config:
    host, _, port = gateway.listen.rpartition(":")
    text = Template((FOLDER / "fragments" / f"{name}.yaml").read_text())
    values = {"listen_host": host, "listen_port": port, "admin_port": gateway.admin_port}
    parsed: Config = yaml.safe_load(text.substitute(values))
    return parsed


def _virtual_host(routes: Sequence[Route]) -> Config:
    public = [_health_route()]
    for route in routes:
        public += _http_routes(route)
    public += [_grpc_route(route) for route in routes if not route.is_raw and route is _first(route, routes)]
    public += [_wrong_method(pattern) for pattern in dict.fromkeys(route.pattern for route in routes)]
    public.append(_answer({"prefix": "/"}, 404, "no-route"))
    return {"name": "public", "domains": ["*"], "routes": public}


def _first(route: Route, routes: Sequence[Route]) -> Route:
    return next(other for other in routes if other.rpc is route.rpc)


def _health_route() -> Config:
    """Say that the edge is up: for load balancers, without a key."""
    match = {"path": "/healthz", "headers": [_header(":method", "GET")]}
    return _answer(match, 200, "health", '{"status": "SERVING"}')


def _http_routes(route: Route) -> list[Config]:
    """Return the routes of one HTTP binding: refusals that need no look at the body first, then the way through."""
    match: Config = {"safe_regex": {"regex": route.pattern}, "headers": [_header(":method", route.method)]}
    name = f"{route.method} {route.template}"
    if route.is_raw:
        # the transcoder would let these override the path; a provider sends none of them
        overrides = [
            _answer(match | {"query_parameters": [{"name": field.name, "present_match": True}]}, 400, name, "no query")
            for field in route.request.fields
        ]
        return [*overrides, _forward(route, match, name)]
    if not route.body:
        return [_forward(route, match, name)]
    json_only = match | {"headers": [*match["headers"], _header_matching("content-type", JSON_TYPE)]}
    return [_forward(route, json_only, name), _answer(match, 415, f"{name} not JSON")]


def _forward(route: Route, match: Config, name: str) -> Config:
    repeatable = route.method == "GET"
    retry_on = "connect-failure,refused-stream" + (",unavailable" if repeatable else "")
    result: Config = {
        "name": name,
        "match": match,
        "route": {
            "cluster": route.package,
            "timeout": ROUTE_TIMEOUT,
            "retry_policy": {"retry_on": retry_on, "num_retries": 2},
        },
    }
    if route.is_authenticated:
        # ext_authz takes the body whole, and so limits it already
        result["typed_per_filter_config"] = {"buffer": _typed("buffer.v3.BufferPerRoute", disabled=True)}
    else:
        result["typed_per_filter_config"] = {
            "ext_authz": _typed("ext_authz.v3.ExtAuthzPerRoute", disabled=True),
            "buffer": _typed("buffer.v3.BufferPerRoute", buffer={"max_request_bytes": MAX_WEBHOOK_BODY}),
            "rate_limit": _typed("local_ratelimit.v3.LocalRateLimit", **_webhook_limit()),
        }
    return result


def _webhook_limit() -> Config:
    """Limit webhooks by a bucket of their own: a provider's burst must not meet a merchant's limit."""
    return {
        "stat_prefix": "webhooks",
        "token_bucket": {"max_tokens": 2000, "tokens_per_fill": 1000, "fill_interval": "1s"},
        "filter_enabled": _always("webhooks_enabled"),
        "filter_enforced": _always("webhooks_enforced"),
    }


def _grpc_route(route: Route) -> Config:
    """Let native gRPC reach this one RPC: nothing else of the service, and no internal service, is routed."""
    path = f"/{route.service}/{route.rpc.name}"
    return {
        "name": f"grpc {path}",
        "match": {"path": path, "grpc": {}},
        "route": {"cluster": route.package, "timeout": ROUTE_TIMEOUT},
    }


def _wrong_method(pattern: str) -> Config:
    return _answer({"safe_regex": {"regex": pattern}}, 405, "wrong method")


def _answer(match: Config, status: int, name: str, body: str = "") -> Config:
    """Answer at once: no key is asked for, nothing is translated."""
    response: Config = {"status": status, "body": {"inline_string": body or name}}
    return {
        "name": name,
        "match": match,
        "direct_response": response,
        "typed_per_filter_config": {
            "ext_authz": _typed("ext_authz.v3.ExtAuthzPerRoute", disabled=True),
            "transcoder": _typed("grpc_json_transcoder.v3.GrpcJsonTranscoder", proto_descriptor_bin="", services=[]),
        },
    }


def _header(name: str, value: str) -> Config:
    return {"name": name, "string_match": {"exact": value}}


def _header_matching(name: str, regex: str) -> Config:
    return {"name": name, "string_match": {"safe_regex": {"regex": regex}}}


def _typed(name: str, **values: object) -> Config:
    return {"@type": f"{TYPE}{FILTERS}.{name}", **values}


def _always(key: str) -> Config:
    return {"runtime_key": key, "default_value": {"numerator": 100, "denominator": "HUNDRED"}}


def _filters(routes: Sequence[Route], gateway: Gateway) -> list[Config]:
    """Return the HTTP filters in their order: size, identity, limits, translation, upstream."""
    return [
        {"name": "buffer", "typed_config": _typed("buffer.v3.Buffer", max_request_bytes=MAX_BODY)},
        {"name": "ext_authz", "typed_config": _ext_authz()},
        {"name": "rate_limit", "typed_config": _rate_limit(gateway)},
        {"name": "transcoder", "typed_config": _transcoder(routes, gateway)},
        {"name": "router", "typed_config": _typed("router.v3.Router", suppress_envoy_headers=True)},
    ]


def _ext_authz() -> Config:
    return _typed(
        "ext_authz.v3.ExtAuthz",
        transport_api_version="V3",
        grpc_service={"envoy_grpc": {"cluster_name": "edge"}, "timeout": "2s"},
        # the body goes along because a field that the contract does not know is refused by name
        with_request_body={"max_request_bytes": MAX_BODY, "pack_as_bytes": True},
        # what the answer depends on, and no more
        allowed_headers={"patterns": [{"exact": name} for name in ("authorization", "content-type", "x-request-id")]},
        failure_mode_allow=False,
        status_on_error={"code": "ServiceUnavailable"},
        clear_route_cache=False,
    )


def _rate_limit(gateway: Gateway) -> Config:
    rate = gateway.requests_per_second
    return _typed(
        "local_ratelimit.v3.LocalRateLimit",
        stat_prefix="merchants",
        # the bucket of all together only bounds what this Envoy takes; each merchant has one of its own
        token_bucket={"max_tokens": 100_000, "tokens_per_fill": 100_000, "fill_interval": "1s"},
        filter_enabled=_always("merchants_enabled"),
        filter_enforced=_always("merchants_enforced"),
        rate_limits=[
            {"actions": [{"request_headers": {"header_name": "x-merchant-id", "descriptor_key": "merchant"}}]}
        ],
        descriptors=[
            {
                "entries": [{"key": "merchant"}],
                "token_bucket": {"max_tokens": 2 * rate, "tokens_per_fill": rate, "fill_interval": "1s"},
            }
        ],
        max_dynamic_descriptors=20_000,
        enable_x_ratelimit_headers="DRAFT_VERSION_03",
        response_headers_to_add=[
            {"header": {"key": "retry-after", "value": "1"}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}
        ],
    )


def _transcoder(routes: Sequence[Route], gateway: Gateway) -> Config:
    return _typed(
        "grpc_json_transcoder.v3.GrpcJsonTranscoder",
        proto_descriptor=gateway.descriptors,
        services=list(dict.fromkeys(route.service for route in routes)),
        match_incoming_request_route=True,
        convert_grpc_status=True,
        case_insensitive_enum_parsing=True,
        max_request_body_size=MAX_WEBHOOK_BODY,
        max_response_body_size=1 << 20,
        print_options={"preserve_proto_field_names": True, "always_print_primitive_fields": True},
        request_validation_options={
            "reject_unknown_method": True,
            "reject_unknown_query_parameters": True,
            "reject_binding_body_field_collisions": True,
        },
    )


def _cluster(name: str, address: str) -> Config:
    host, _, port = address.rpartition(":")
    endpoint = {"endpoint": {"address": {"socket_address": {"address": host, "port_value": int(port)}}}}
    return {
        "name": name,
        "type": "STRICT_DNS",
        "connect_timeout": "1s",
        "lb_policy": "ROUND_ROBIN",
        # Envoy's second of waiting for further changes would send requests to a replica that has already left
        "common_lb_config": {"update_merge_window": "0s"},
        "per_connection_buffer_limit_bytes": 1 << 20,
        "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": [endpoint]}]},
        "typed_extension_protocol_options": {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": f"{TYPE}envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
                "explicit_http_config": {"http2_protocol_options": {"connection_keepalive": _KEEPALIVE}},
            }
        },
        "health_checks": [
            {
                "timeout": "1s",
                "interval": "0.5s",
                "no_traffic_interval": "0.5s",
                "unhealthy_threshold": 1,
                "healthy_threshold": 1,
                "grpc_health_check": {},
            }
        ],
    }


# a service allows a ping every ten seconds at the most
_KEEPALIVE = {"interval": "60s", "timeout": "10s"}


def main() -> int:
    """Write the rendered file, or compare it; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing, fail when envoy/envoy.yaml is stale")
    text = render(Gateway())
    if parser.parse_args().check:
        if RENDERED.read_text() != text:
            sys.stderr.write("envoy/envoy.yaml is stale, run `make gen`\n")
            return 1
        return 0
    RENDERED.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
