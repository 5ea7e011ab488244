"""What other programs are told by the environment changes nothing here."""

from __future__ import annotations

import ast
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest
from fusionx.order.v1 import order_service_pb2
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from mesh.rpc.client import channel
from mesh.rpc.dial import dial
from mesh.settings import ServiceSettings, load
from mesh.storage.migrate import config
from tests.support.paths import ROOT
from tests.support.waiting import PATIENCE

NOWHERE = "http://127.0.0.1:9"


@pytest.fixture
def proxied(monkeypatch: pytest.MonkeyPatch) -> None:
    """Name a proxy that is not there."""
    for name in ("http_proxy", "https_proxy", "grpc_proxy", "all_proxy"):
        monkeypatch.setenv(name, NOWHERE)
        monkeypatch.setenv(name.upper(), NOWHERE)


@pytest.mark.usefixtures("proxied")
async def test_calls_inside_the_mesh_ask_no_proxy() -> None:
    server = grpc.aio.server()
    health_pb2_grpc.add_HealthServicer_to_server(health.aio.HealthServicer(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        service = order_service_pb2.DESCRIPTOR.services_by_name["OrderService"]
        # a name, as gRPC leaves plain addresses alone
        calling = channel(f"dns:///localhost:{port}", service, peer="", tls=None)
        answer = await health_pb2_grpc.HealthStub(calling).Check(health_pb2.HealthCheckRequest(), timeout=PATIENCE)
        assert answer.status == health_pb2.HealthCheckResponse.SERVING
        await calling.close()
    finally:
        await server.stop(0)


@pytest.mark.usefixtures("proxied")
def test_operators_calls_ask_no_proxy() -> None:
    server = grpc.server(ThreadPoolExecutor(1))
    health_pb2_grpc.add_HealthServicer_to_server(health.HealthServicer(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        with dial(f"dns:///localhost:{port}", "order_svc", None) as calling:
            answer = health_pb2_grpc.HealthStub(calling).Check(health_pb2.HealthCheckRequest(), timeout=PATIENCE)
        assert answer.status == health_pb2.HealthCheckResponse.SERVING
    finally:
        server.stop(0)


def test_variables_of_postgresqls_own_tools_are_taken_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FUSIONXPAY_DATABASE_URL", "postgresql://127.0.0.1/orders")
    for name in ("PGHOST", "PGPORT", "PGSSLMODE", "PGOPTIONS", "PGSERVICE", "PGHOSTADDR"):
        monkeypatch.setenv(name, "nonsense")
    load(ServiceSettings)
    assert not [name for name in os.environ if name.startswith("PG")]


def test_path_with_a_percent_sign_is_a_path(tmp_path: Path) -> None:
    folder = tmp_path / "100% of it"
    assert config(folder, "postgresql://127.0.0.1/orders").get_main_option("script_location") == str(folder)


CLIENTS = {"Client", "AsyncClient", "get", "post", "put", "delete", "request", "stream"}
OURS = (
    "assistants",
    "audit_svc",
    "cli",
    "console",
    "edge",
    "mesh",
    "notify_svc",
    "order_svc",
    "payment_svc",
    "sandbox",
    "stack",
)


def asks_the_environment(call: ast.AST) -> bool:
    """Whether a piece of code makes a client of HTTP that would take a proxy from the environment."""
    return (
        isinstance(call, ast.Call)
        and isinstance(call.func, ast.Attribute)
        and isinstance(call.func.value, ast.Name)
        and (call.func.value.id, call.func.attr) in {("httpx", name) for name in CLIENTS}
        and not any(given.arg == "trust_env" for given in call.keywords)
    )


def test_no_client_of_ours_takes_a_proxy_from_the_environment() -> None:
    files = [file for package in OURS for file in (ROOT / package).rglob("*.py")]
    assert len(files) > 100
    found = [
        f"{file.relative_to(ROOT)}:{node.lineno}"
        for file in files
        for node in ast.walk(ast.parse(file.read_text()))
        if asks_the_environment(node) and isinstance(node, ast.Call)
    ]
    assert not found
