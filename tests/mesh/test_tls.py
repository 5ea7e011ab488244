"""The handshake between processes of the mesh, with real servers and channels on loopback."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import grpc
import pytest
from fusionx.order.v1 import order_payment_service_pb2, order_service_pb2
from google.protobuf import descriptor_pb2, descriptor_pool
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1.health import aio as health_aio

from mesh import tls
from mesh.errors import ApiError
from mesh.rpc.callers import callers_of
from mesh.rpc.client import channel
from mesh.settings import ServiceSettings
from mesh.tls import TlsFiles
from stack.authority import Authority, Subject
from tests.support.waiting import PATIENCE

SERVER = Subject.of_process("order_svc")
CLIENT = Subject.of_process("payment_svc")
EXPIRED = timedelta(seconds=-1)
CHECK = health_pb2.HealthCheckRequest()


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "ours")


@pytest.fixture
def foreign(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "foreign")


@pytest.fixture(autouse=True)
def look_always(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tls, "LOOK_SECONDS", 0.0)


@asynccontextmanager
async def serving(files: TlsFiles) -> AsyncIterator[str]:
    server = grpc.aio.server()
    health = health_aio.HealthServicer()
    await health.set("", health_pb2.HealthCheckResponse.SERVING)
    health_pb2_grpc.add_HealthServicer_to_server(health, server)
    port = server.add_secure_port("127.0.0.1:0", tls.server_credentials(files))
    await server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        await server.stop(None)


async def refused(target: str, files: TlsFiles | None, peer: str = "order_svc") -> bool:
    """Whether the handshake fails: asked without waiting, the failure comes back at once."""
    options = [tls.name_override(peer)]
    made = (
        grpc.aio.secure_channel(target, tls.client_credentials(tls.read(files)), options=options)
        if files
        else grpc.aio.insecure_channel(target)
    )
    async with made as opened:
        try:
            await health_pb2_grpc.HealthStub(opened).Check(CHECK, timeout=PATIENCE)
        except grpc.aio.AioRpcError as error:
            return error.code() is grpc.StatusCode.UNAVAILABLE
    return False


async def test_certificates_of_the_mesh_pass(authority: Authority) -> None:
    async with serving(authority.issue(SERVER)) as target:
        assert not await refused(target, authority.issue(CLIENT))


async def test_plain_text_is_refused(authority: Authority) -> None:
    async with serving(authority.issue(SERVER)) as target:
        assert await refused(target, None)


async def test_client_of_a_foreign_ca_is_refused(authority: Authority, foreign: Authority) -> None:
    stranger = foreign.issue(CLIENT)
    async with serving(authority.issue(SERVER)) as target:
        assert await refused(target, TlsFiles(stranger.cert, stranger.key, authority.ca_file))


async def test_server_of_a_foreign_ca_is_refused(authority: Authority, foreign: Authority) -> None:
    stranger = foreign.issue(SERVER)
    async with serving(TlsFiles(stranger.cert, stranger.key, authority.ca_file)) as target:
        assert await refused(target, authority.issue(CLIENT))


async def test_client_without_a_certificate_is_refused(authority: Authority) -> None:
    async with serving(authority.issue(SERVER)) as target:
        credentials = grpc.ssl_channel_credentials(authority.ca_file.read_bytes())
        options = [tls.name_override("order_svc")]
        async with grpc.aio.secure_channel(target, credentials, options=options) as opened:
            with pytest.raises(grpc.aio.AioRpcError) as error:
                await health_pb2_grpc.HealthStub(opened).Check(CHECK, timeout=PATIENCE)
        assert error.value.code() is grpc.StatusCode.UNAVAILABLE


async def test_expired_certificates_are_refused(authority: Authority) -> None:
    async with serving(authority.issue(SERVER)) as target:
        assert await refused(target, authority.issue(CLIENT, EXPIRED))
    async with serving(authority.issue(SERVER, EXPIRED)) as target:
        assert await refused(target, authority.issue(CLIENT))


async def test_server_with_another_name_is_refused(authority: Authority) -> None:
    async with serving(authority.issue(Subject.of_process("notify_svc"))) as target:
        assert await refused(target, authority.issue(CLIENT))


async def test_server_takes_over_a_new_certificate(authority: Authority) -> None:
    async with serving(authority.issue(SERVER, EXPIRED)) as target:
        client = authority.issue(CLIENT)
        assert await refused(target, client)
        authority.issue(SERVER)
        assert not await refused(target, client)


async def test_channel_takes_over_a_new_certificate(authority: Authority) -> None:
    async with serving(authority.issue(SERVER)) as target:
        opened = channel(target, peer="order_svc", tls=authority.issue(CLIENT, EXPIRED))
        stub = health_pb2_grpc.HealthStub(opened)
        with pytest.raises(ApiError):
            await stub.Check(CHECK, timeout=5)
        authority.issue(CLIENT)
        await stub.Check(CHECK, timeout=PATIENCE, wait_for_ready=True)
        await opened.close()


async def test_change_of_certificates_under_load_loses_no_call(authority: Authority) -> None:
    files = authority.issue(CLIENT)
    async with serving(authority.issue(SERVER)) as target:
        opened = channel(target, peer="order_svc", tls=files)
        stub = health_pb2_grpc.HealthStub(opened)
        over = asyncio.Event()

        async def calls() -> int:
            count = 0
            while not over.is_set():
                await stub.Check(CHECK, timeout=PATIENCE, wait_for_ready=True)
                count += 1
            return count

        running = [asyncio.create_task(calls()) for _ in range(4)]
        for _ in range(5):
            authority.issue(SERVER)
            authority.issue(CLIENT)
            await asyncio.gather(*(stub.Check(CHECK, timeout=PATIENCE, wait_for_ready=True) for _ in range(20)))
        over.set()
        assert min(await asyncio.gather(*running)) > 5
        await opened.close()


def test_half_of_a_change_leaves_what_there_was(authority: Authority) -> None:
    watched = tls.Watched(authority.issue(CLIENT))
    before = watched.pems
    files = authority.files("payment_svc")
    kept = files.cert.read_bytes()
    authority.issue(CLIENT)
    new, _ = files.cert.read_bytes(), files.cert.write_bytes(kept)
    assert not watched.changed()
    assert watched.pems == before
    files.cert.write_bytes(new)
    os.utime(files.cert, ns=(1, 1))
    assert watched.changed()
    assert watched.pems.cert == new


def test_settings_of_tls_come_together(authority: Authority) -> None:
    files = authority.issue(CLIENT)
    database = "postgresql://host/name"
    with pytest.raises(ValueError, match="come together"):
        ServiceSettings(database_url=database, tls_cert_file=files.cert)
    with pytest.raises(ValueError, match="not the key"):
        ServiceSettings(
            database_url=database,
            tls_cert_file=files.cert,
            tls_key_file=authority.issue(SERVER).key,
            tls_ca_file=files.ca,
        )
    settings = ServiceSettings(
        database_url=database, tls_cert_file=files.cert, tls_key_file=files.key, tls_ca_file=files.ca
    )
    assert settings.tls == files


def test_service_that_declares_no_callers_does_not_start() -> None:
    assert callers_of(order_service_pb2.DESCRIPTOR.services_by_name["OrderService"]) >= {"envoy"}
    internal = order_payment_service_pb2.DESCRIPTOR.services_by_name["OrderPaymentService"]
    assert callers_of(internal) == {"payment_svc"}
    file = descriptor_pb2.FileDescriptorProto(name="undeclared.proto", package="undeclared")
    file.service.add(name="Undeclared")
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    with pytest.raises(TypeError, match="does not declare its callers"):
        callers_of(pool.FindServiceByName("undeclared.Undeclared"))
