"""Envoy's configuration: what is rendered is what the contracts say, and what Envoy accepts."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from envoy.config.bootstrap.v3.bootstrap_pb2 import Bootstrap
from google.protobuf import json_format

from envoy_config import tls
from envoy_config.options import EnvoyOptions
from envoy_config.render import (
    EXPORT_TIMEOUT,
    MAX_REFLECTIONS,
    RENDERED,
    ROUTE_TIMEOUT,
    STREAM_IDLE_TIMEOUT,
    fragment,
    render,
)
from mesh.contract.descriptors import DESCRIPTORS
from mesh.rpc.headers import MAX_BODY
from mesh.rpc.routes import REFLECTION_PATHS, contract_routes
from mesh.settings import LOOK_SECONDS, ServiceSettings
from notify_svc.settings import NotifySettings
from stack.authority import Authority

EXTENSIONS = (
    "envoy.extensions.filters.http.header_mutation.v3.header_mutation_pb2",
    "envoy.extensions.filters.http.ratelimit.v3.rate_limit_pb2",
    "envoy.extensions.filters.http.buffer.v3.buffer_pb2",
    "envoy.extensions.filters.http.ext_authz.v3.ext_authz_pb2",
    "envoy.extensions.filters.http.lua.v3.lua_pb2",
    "envoy.extensions.filters.http.grpc_json_transcoder.v3.transcoder_pb2",
    "envoy.extensions.filters.http.header_to_metadata.v3.header_to_metadata_pb2",
    "envoy.extensions.access_loggers.file.v3.file_pb2",
    "envoy.extensions.access_loggers.filters.cel.v3.cel_pb2",
    "envoy.extensions.filters.http.local_ratelimit.v3.local_rate_limit_pb2",
    "envoy.extensions.filters.http.router.v3.router_pb2",
    "envoy.extensions.filters.network.http_connection_manager.v3.http_connection_manager_pb2",
    "envoy.extensions.http.early_header_mutation.header_mutation.v3.header_mutation_pb2",
    "envoy.extensions.access_loggers.stream.v3.stream_pb2",
    "envoy.extensions.formatter.cel.v3.cel_pb2",
    "envoy.extensions.resource_monitors.downstream_connections.v3.downstream_connections_pb2",
    "envoy.extensions.resource_monitors.fixed_heap.v3.fixed_heap_pb2",
    "envoy.extensions.transport_sockets.tls.v3.tls_pb2",
    "envoy.extensions.retry.host.previous_hosts.v3.previous_hosts_pb2",
    "envoy.extensions.upstreams.http.v3.http_protocol_options_pb2",
)
Config = dict[str, Any]


CONSOLE = {"console", "console stream", "docs", "payment link"}
"""The routes that are no contract's."""


@pytest.fixture(scope="module")
def config() -> Config:
    """The rendered file."""
    parsed: Config = yaml.safe_load(RENDERED.read_text())
    return parsed


@pytest.fixture
def routes(config: Config) -> list[Config]:
    """The routes of the public listener, in their order."""
    listeners = {listener["name"]: listener for listener in config["static_resources"]["listeners"]}
    assert set(listeners) == {"redirect", "public_https", "metrics"}, "in production HTTP only leads to HTTPS"
    chain = listeners["public_https"]["filter_chains"][0]
    found: list[Config] = chain["filters"][0]["typed_config"]["route_config"]["virtual_hosts"][0]["routes"]
    return found


def test_every_field_is_one_that_envoy_knows(config: Config) -> None:
    for module in EXTENSIONS:
        importlib.import_module(module)
    json_format.ParseDict(config, Bootstrap())


def test_envoy_accepts_it(tmp_path: Path) -> None:
    envoy = Path(sys.executable).with_name("envoy")
    path = tmp_path / "envoy.yaml"
    Authority(tmp_path / "tls").issue_all()
    for name, text in tls.secrets(str(tmp_path / "tls")).items():
        (tmp_path / name).write_text(text)
    gateway = EnvoyOptions(
        descriptors=str(DESCRIPTORS), audit_file=str(tmp_path / "audit.jsonl"), sds_folder=str(tmp_path)
    )
    path.write_text(render(gateway))
    run = subprocess.run(
        [envoy, "--mode", "validate", "-c", path, "--log-level", "warning"], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr


def test_rendered_file_is_up_to_date() -> None:
    assert RENDERED.read_text() == render(EnvoyOptions())


def test_every_binding_of_the_contracts_has_its_route(routes: list[Config]) -> None:
    forwarded = {route["name"] for route in routes if "route" in route}
    bindings = {f"{route.method} {route.template}" for route in contract_routes() if route.package != "identity"}
    rpcs = {
        f"grpc /{route.service}/{route.rpc.name}"
        for route in contract_routes()
        if route.package != "identity" and not route.is_raw
    } | {f"grpc {path}" for path in REFLECTION_PATHS}
    public = [route for route in contract_routes() if route.package != "identity"]
    heads = {f"HEAD {route.template}" for route in public if route.method == "GET" and not route.is_stream}
    without = {f"{route.method} {route.template} without a body" for route in public if route.body and not route.is_raw}
    assert forwarded == bindings | rpcs | heads | without | CONSOLE


def test_stream_is_ended_by_silence_alone_and_every_other_answer_by_time(routes: list[Config]) -> None:
    """A file, which the key is looked at once for, is ended by both."""
    bounds = {
        name: EXPORT_TIMEOUT if route.is_export else "0s"
        for route in contract_routes()
        for name in (f"{route.method} {route.template}", f"grpc /{route.service}/{route.rpc.name}")
        if route.is_stream
    }
    assert {*bounds.values()} == {EXPORT_TIMEOUT, "0s"}
    for route in (route for route in routes if "route" in route and route["name"] not in CONSOLE):
        times = route["route"].get("timeout"), route["route"].get("idle_timeout")
        bound = bounds.get(route["name"])
        assert times == ((bound, STREAM_IDLE_TIMEOUT) if bound else (ROUTE_TIMEOUT, None))
    heartbeat = NotifySettings.model_fields["stream_heartbeat_seconds"].default
    assert float(STREAM_IDLE_TIMEOUT.removesuffix("s")) >= 2 * heartbeat


def test_pages_share_a_bucket_by_what_one_customer_has_of_addresses(routes: list[Config]) -> None:
    """Of IPv6 that is a /64: by single addresses a bucket would be no bound."""
    pages = [route for route in routes if route["name"] in ("payment link", "console", "docs")]
    assert pages
    for route in pages:
        said = str(route["typed_per_filter_config"])
        assert "'v6_prefix_mask_len': 64" in said
        assert "{'remote_address'" not in said


def test_log_has_no_token_of_a_payment_link(config: Config) -> None:
    logs = str(config).count("request.url_path)%")
    assert 0 < logs == str(config).count("request.url_path.startsWith('/pay/') ? '/pay/*' : ")


def test_window_of_a_stream_holds_more_than_a_body_may_have() -> None:
    """Else Envoy's buffer of it is full before the edge service sees that there is more."""
    window = fragment("http", EnvoyOptions())["http2_protocol_options"]["initial_stream_window_size"]
    assert window > MAX_BODY + 1


def test_answers_that_nobody_reads_do_not_fill_a_connection_to_a_service(config: Config) -> None:
    """They share it with everybody's: of Envoy's defaults, two would be enough."""
    held = {}
    for cluster in config["static_resources"]["clusters"]:
        for one in cluster.get("typed_extension_protocol_options", {}).values():
            http2 = one.get("explicit_http_config", {}).get("http2_protocol_options", {})
            if cluster["name"] in tls.PEERS and http2:
                connection, stream = (http2.get(f"initial_{of}_window_size", 0) for of in ("connection", "stream"))
                held[cluster["name"]] = connection // stream if stream else 0
    assert set(held) >= {"order", "payment", "notify", "edge"}
    assert min(held.values()) > 8_000


def test_streams_leave_room_for_calls(config: Config) -> None:
    streaming = {route.package for route in contract_routes() if route.is_stream}
    for cluster in config["static_resources"]["clusters"]:
        thresholds = cluster.get("circuit_breakers", {}).get("thresholds", [])
        most = {one["priority"]: one["max_requests"] for one in thresholds if "max_requests" in one}
        if cluster["name"] == "edge":
            # those who ask what there is leave room for the question at every request
            assert most == {"HIGH": MAX_REFLECTIONS}
            continue
        assert list(most.values()) == ([EnvoyOptions().max_connections] if cluster["name"] in streaming else [])


def test_only_the_provider_comes_in_without_a_key(routes: list[Config]) -> None:
    open_to_all = {
        route["name"]
        for route in routes
        if "route" in route and route.get("typed_per_filter_config", {}).get("ext_authz", {}).get("disabled")
    }
    # at the console people log in, customers open payment links, and documents are for everybody
    assert open_to_all == {f"{r.method} {r.template}" for r in contract_routes() if not r.is_authenticated} | CONSOLE


def test_no_route_leads_to_an_internal_service(routes: list[Config]) -> None:
    text = yaml.safe_dump(routes)
    assert "fusionx.identity" not in text
    assert "OrderPaymentService" not in text


def test_last_route_answers_what_no_route_takes(routes: list[Config]) -> None:
    assert routes[-1]["match"] == {"prefix": "/"}
    assert routes[-1]["direct_response"]["status"] == 404


def test_every_upstream_is_spoken_to_by_its_own_name_only(config: Config) -> None:
    clusters = {cluster["name"]: cluster for cluster in config["static_resources"]["clusters"]}
    (own,) = clusters.pop("administration")["load_assignment"]["endpoints"][0]["lb_endpoints"]
    assert own["endpoint"]["address"]["socket_address"]["address"] == "127.0.0.1", "which leaves no machine"
    for cluster in clusters.values():
        context = cluster["transport_socket"]["typed_config"]["common_tls_context"]
        (match,) = context["combined_validation_context"]["default_validation_context"]["match_typed_subject_alt_names"]
        assert match == {"san_type": "URI", "matcher": {"exact": f"spiffe://fusionxpay/{tls.PEERS[cluster['name']]}"}}


def test_replicas_that_are_gone_get_nothing_while_another_is_there(config: Config) -> None:
    """Envoy would ask all of them as soon as half are gone, and repeat three requests at once of what one leaves."""
    clusters = {cluster["name"]: cluster for cluster in config["static_resources"]["clusters"]}
    checked = [cluster for cluster in clusters.values() if "health_checks" in cluster]
    assert len(checked) >= 5
    for cluster in checked:
        assert cluster["common_lb_config"]["healthy_panic_threshold"] == {"value": 1}
    for name in ("edge", "order", "payment", "notify"):
        default = clusters[name]["circuit_breakers"]["thresholds"][0]
        assert (default["priority"], default["retry_budget"]["min_retry_concurrency"]) == ("DEFAULT", 20)


def test_metrics_have_one_page_and_nothing_else_of_the_administration(config: Config) -> None:
    (listener,) = [one for one in config["static_resources"]["listeners"] if one["name"] == "metrics"]
    (manager,) = [one["typed_config"] for one in listener["filter_chains"][0]["filters"]]
    (host,) = manager["route_config"]["virtual_hosts"]
    (route,) = host["routes"]
    assert (route["match"]["path"], route["route"]["prefix_rewrite"]) == ("/metrics", "/stats/prometheus?usedonly")


def test_administration_is_on_loopback(config: Config) -> None:
    assert config["admin"]["address"]["socket_address"]["address"] == "127.0.0.1"


def test_a_replica_that_is_well_is_asked_seldom_and_goes_on_until_envoy_has_noticed_that_it_ends(
    config: Config,
) -> None:
    def seconds(of: str) -> float:
        return float(check[of].removesuffix("s"))

    checks = [check for cluster in config["static_resources"]["clusters"] for check in cluster.get("health_checks", [])]
    assert len(checks) == 5
    for check in checks:
        assert seconds("no_traffic_healthy_interval") == seconds("interval") == LOOK_SECONDS == 2
        assert seconds("no_traffic_interval") == seconds("unhealthy_interval") <= 0.5
        assert check["unhealthy_threshold"] == check["healthy_threshold"] == 1
    assert ServiceSettings.model_fields["drain_seconds"].default >= LOOK_SECONDS + 0.5
