"""Render Envoy's configuration from the contracts: `python -m envoy_config.render` writes `envoy/envoy.yaml`.

With `--check` it writes nothing and fails when that file is stale; with `--options` and `--folder` it renders for a
release. The static parts are fragments in `envoy/fragments/`; routes, transcoding and clusters come from the
descriptor set.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path
from string import Template

from envoy_config import local_replies as errors
from envoy_config import tls
from envoy_config.access_log import audit_log
from envoy_config.config import TYPE, Config, dumped, parsed
from envoy_config.console import console_clusters, console_routes
from envoy_config.endpoints import HEALTH_CHECK, NOT_AGAIN, REPLICAS, RETRIES, WINDOWS, endpoint
from envoy_config.filters import http_filters, of_answer, of_conversations, of_head, of_merchants, of_providers
from envoy_config.listeners import public_listeners
from envoy_config.metrics import admin_address, administration, metrics_listener
from envoy_config.options import EnvoyOptions
from envoy_config.rate_limits import noted_list
from envoy_config.tracing import collector, tracing
from mesh.contract.descriptors import DESCRIPTORS
from mesh.contract.generated import write_or_check
from mesh.rpc.routes import REFLECTION_PATHS, Route, contract_routes
from mesh.rpc.shares import is_list

FOLDER = Path(__file__).resolve().parent.parent / "envoy"
RENDERED = FOLDER / "envoy.yaml"
SDS = FOLDER / "sds"
ROUTE_TIMEOUT = "20s"
STREAM_IDLE_TIMEOUT = "60s"
"""After which a stream is ended that carries nothing: longer than the pauses between its heartbeats."""
EXPORT_TIMEOUT = "3600s"
"""After which an export is ended, however much it has still to send."""
MAX_REFLECTIONS = 20
"""How many clients ask an Envoy at a time what there is to call."""


def render(options: EnvoyOptions) -> str:
    """Return the configuration as YAML."""
    header = "# Rendered from the contracts by `make gen`. Do not edit: change envoy/fragments/ or envoy_config/.\n"
    return header + dumped(configuration(options))


def configuration(options: EnvoyOptions) -> Config:
    """Return the configuration as plain values: Envoy reads them as JSON in two thirds of what YAML takes."""
    routes = [route for route in contract_routes() if route.package in options.upstreams]
    # the administration can stop the process and read every counter
    config: Config = {"admin": {"address": admin_address(options)}} | fragment("bootstrap", options)
    settings = config["static_resources"].pop("listener")
    manager = fragment("http", options)
    if not options.trusted_hops:
        # no proxy of ours is before us, so whatever this says, a client made it up
        strip = manager["early_header_mutation_extensions"][0]["typed_config"]["mutations"]
        strip.append({"remove": "x-forwarded-for"})
    manager |= {
        "local_reply_config": errors.local_replies(),
        "route_config": {"name": "public", "virtual_hosts": [_virtual_host(routes, options)]},
        "http_filters": http_filters(routes, options),
    }
    if options.otlp_endpoint:
        manager["tracing"] = tracing(options)
    manager["access_log"].append(audit_log(options.audit_file))
    config["static_resources"] = {
        "listeners": public_listeners(options, settings, manager),
        "clusters": [_cluster(name, where) for name, where in options.upstreams.items()],
    }
    streaming = {route.package for route in routes if route.is_stream}
    for cluster in config["static_resources"]["clusters"]:
        threshold: Config = {"priority": "DEFAULT", "retry_budget": RETRIES}
        if cluster["name"] in streaming:
            # open streams are requests to Envoy: its default of 1,024 would leave no room for others
            threshold["max_requests"] = options.max_connections
        cluster["circuit_breakers"] = {"thresholds": [threshold]}
        if cluster["name"] == "edge":
            cluster["circuit_breakers"]["thresholds"].append({"priority": "HIGH", "max_requests": MAX_REFLECTIONS})
    if options.mutual_tls:
        for cluster in config["static_resources"]["clusters"]:
            cluster["transport_socket"] = tls.to_upstream(cluster["name"], options.sds_folder)
    if options.otlp_endpoint:
        config["static_resources"]["clusters"].append(collector(options))
    config["static_resources"]["clusters"] += console_clusters(options)
    if options.metrics_listen:
        config["static_resources"]["clusters"].append(administration(options))
        config["static_resources"]["listeners"].append(metrics_listener(options))
    return config


def fragment(name: str, options: EnvoyOptions) -> Config:
    """Return a static part of the configuration."""
    text = Template((FOLDER / "fragments" / f"{name}.yaml").read_text())
    values = {
        "max_connections": options.max_connections,
        "max_heap_bytes": options.max_heap_bytes,
        "headers_timeout": options.headers_timeout,
        "request_timeout": options.request_timeout,
        "trusted_hops": options.trusted_hops,
    }
    return parsed(text.substitute(values))


def _virtual_host(routes: Sequence[Route], options: EnvoyOptions) -> Config:
    public = [health_route()]
    for route in routes:
        public += _http_routes(route, options)
    public += console_routes(options)
    public += [_grpc_route(route) for route in routes if not route.is_raw and route is _first(route, routes)]
    public += [_reflection_route(path) for path in REFLECTION_PATHS]
    public += [_wrong_method(pattern, routes) for pattern in dict.fromkeys(route.pattern for route in routes)]
    public.append(_answer({"prefix": "/"}, 404, "no-route"))
    return {"name": "public", "domains": ["*"], "routes": public}


def _first(route: Route, routes: Sequence[Route]) -> Route:
    return next(other for other in routes if other.rpc is route.rpc)


def health_route() -> Config:
    """Say that the edge is up: for load balancers, without a key."""
    match = {"path": "/healthz", "headers": [_header_matching(":method", "GET|HEAD")]}
    return _answer(match, 200, "health", '{"status": "SERVING"}')


def _http_routes(route: Route, options: EnvoyOptions) -> list[Config]:
    """Return the routes of one HTTP binding: refusals that need no look at the body first, then the way through."""
    match: Config = {"safe_regex": {"regex": route.pattern}, "headers": [_header(":method", route.method)]}
    name = f"{route.method} {route.template}"
    if route.is_raw:
        # the transcoder would let one override the path, however its name is spelled; a provider sends none
        query = match | {"headers": [*match["headers"], _header_matching(":path", r"[^?]*\?.*")]}
        return [_answer(query, 400, name, "no query"), _forward(route, match, name, options)]
    if not route.body:
        return [_forward(route, match, name, options), *_head_route(route, options)]
    json_only = match | {"headers": [*match["headers"], _header_matching("content-type", errors.JSON_TYPE), _AS_IT_IS]}
    # as clients send a verb without fields
    no_body = match | {"headers": [*match["headers"], *_NO_BODY]}
    return [
        _forward(route, json_only, name, options),
        _forward(route, no_body, f"{name} without a body", options),
        _answer(match, 415, f"{name} not JSON"),
    ]


def _head_route(route: Route, options: EnvoyOptions) -> list[Config]:
    """Return the route of HEAD where GET is answered at once (RFC 9110, section 9.1); a stream has no length."""
    if route.method != "GET" or route.is_stream:
        return []
    match = {"safe_regex": {"regex": route.pattern}, "headers": [_header(":method", "HEAD")]}
    forward = _forward(route, match, f"HEAD {route.template}", options)
    return [forward | {"typed_per_filter_config": forward["typed_per_filter_config"] | of_head()}]


def _forward(route: Route, match: Config, name: str, options: EnvoyOptions) -> Config:
    repeatable = route.method == "GET"
    retry_on = "connect-failure,refused-stream" + (",unavailable,reset" if repeatable else "")
    return {
        "name": name,
        "match": match,
        "route": {
            "cluster": route.package,
            **_times(route),
            "retry_policy": {
                "retry_on": retry_on,
                "num_retries": 2,
                # at another replica, where there is one
                "retry_host_predicate": [NOT_AGAIN],
                "host_selection_retry_max_attempts": 3,
            },
        },
        "typed_per_filter_config": of_merchants(route) if route.is_authenticated else of_providers(route, options),
        **(noted_list() if is_list(route.rpc) else {}),
    }


def _grpc_route(route: Route) -> Config:
    """Let native gRPC reach this one RPC: nothing else of the service, and no internal service, is routed."""
    path = f"/{route.service}/{route.rpc.name}"
    return {
        "name": f"grpc {path}",
        "match": {"path": path, "grpc": {}},
        "route": {"cluster": route.package, **_times(route)},
        **(noted_list() if is_list(route.rpc) else {}),
    }


def _reflection_route(path: str) -> Config:
    """Let clients of gRPC ask the edge what there is. They keep their side open: nothing waits for its end."""
    return {
        "name": f"grpc {path}",
        "match": {"path": path, "grpc": {}},
        "route": {
            "cluster": "edge",
            "prefix_rewrite": REFLECTION_PATHS[0],
            "timeout": ROUTE_TIMEOUT,
            # has a bound of its own, as the edge has to answer for every request
            "priority": "HIGH",
        },
        "typed_per_filter_config": of_conversations(),
    }


def _times(route: Route) -> Config:
    """Return how long an answer may take; a stream as long as something goes through it now and then.

    A file has an end of its own beside that: whoever reads it slowly reads on with a key that may have ended meanwhile.
    """
    if route.is_stream:
        return {"timeout": EXPORT_TIMEOUT if route.is_export else "0s", "idle_timeout": STREAM_IDLE_TIMEOUT}
    return {"timeout": ROUTE_TIMEOUT}


def _wrong_method(pattern: str, routes: Sequence[Route]) -> Config:
    """Refuse any other method, and say which there are (RFC 9110, section 15.5.6)."""
    same = [route for route in routes if route.pattern == pattern]
    heads = {"HEAD" for route in same if route.method == "GET" and not route.is_stream}
    allowed = ", ".join(sorted({route.method for route in same} | heads))
    header = {"header": {"key": "allow", "value": allowed}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}
    refusal = _answer({"safe_regex": {"regex": pattern}}, 405, "wrong method", f"this path takes {allowed}")
    return refusal | {"response_headers_to_add": [header]}


def _answer(match: Config, status: int, name: str, body: str = "") -> Config:
    """Answer at once: no key is asked for, nothing is translated."""
    response: Config = {"status": status, "body": {"inline_string": body or name}}
    return {"name": name, "match": match, "direct_response": response, "typed_per_filter_config": of_answer()}


_AS_IT_IS = {
    "name": "content-encoding",
    "string_match": {"safe_regex": {"regex": "(?i)(identity)?"}},
    "treat_missing_header_as_empty": True,
}
_NO_BODY = [
    {"name": "content-type", "present_match": False},
    {"name": "transfer-encoding", "present_match": False},
    {
        "name": "content-length",
        "string_match": {"safe_regex": {"regex": "0?"}},
        "treat_missing_header_as_empty": True,
    },
]


def _header(name: str, value: str) -> Config:
    return {"name": name, "string_match": {"exact": value}}


def _header_matching(name: str, regex: str) -> Config:
    return {"name": name, "string_match": {"safe_regex": {"regex": regex}}}


def _cluster(name: str, addresses: str) -> Config:
    endpoints = [endpoint(one) for one in addresses.split(",")]
    return {
        "name": name,
        "type": "STRICT_DNS",
        "connect_timeout": "1s",
        "lb_policy": "ROUND_ROBIN",
        "common_lb_config": REPLICAS,
        "per_connection_buffer_limit_bytes": 1 << 20,
        "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": endpoints}]},
        "typed_extension_protocol_options": {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": f"{TYPE}envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
                "explicit_http_config": {"http2_protocol_options": WINDOWS | {"connection_keepalive": _KEEPALIVE}},
            }
        },
        "health_checks": [HEALTH_CHECK | {"grpc_health_check": {}}],
    }


# a service allows a ping every ten seconds at the most
_KEEPALIVE = {"interval": "60s", "timeout": "10s"}


def write(options: EnvoyOptions, folder: Path) -> None:
    """Write all that an Envoy of a release reads into a folder of its own: configuration, SDS files and contracts."""
    sds = folder / "sds"
    sds.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(DESCRIPTORS, folder / "api.binpb")
    here = replace(options, descriptors=str(folder / "api.binpb"), sds_folder=str(sds))
    for name, text in tls.secrets(options.tls_folder).items():
        (sds / name).write_text(text)
    (folder / "envoy.yaml").write_text(render(here))


def options_from(text: str) -> EnvoyOptions:
    """Return the options that a YAML document names; the rest is as by default.

    Raises ValueError for one that there is not.
    """
    values = parsed(text) or {}
    if unknown := sorted(values.keys() - {field.name for field in fields(EnvoyOptions)}):
        raise ValueError(f"no such options of Envoy: {', '.join(unknown)}")
    return EnvoyOptions(**values)


def main() -> int:
    """Write the rendered file, or compare it; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing, fail when a file is stale")
    parser.add_argument("--options", type=Path, help="YAML file of options, as in envoy_config/options.py")
    parser.add_argument("--folder", type=Path, help="write for a release, into this folder")
    arguments = parser.parse_args()
    options = options_from(arguments.options.read_text()) if arguments.options else EnvoyOptions()
    if arguments.folder:
        write(options, arguments.folder)
        return 0
    files = {RENDERED: render(options)} | {SDS / name: text for name, text in tls.secrets(options.tls_folder).items()}
    return write_or_check(files, check=arguments.check)


if __name__ == "__main__":
    sys.exit(main())
