"""The connection to NATS, on a server of the test's own that is not as it should be."""

from __future__ import annotations

import asyncio
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from structlog.testing import capture_logs

from mesh.events.bus import EVENTS_STREAM, Bus, BusTls
from stack.authority import NATS_NAME, Authority, Subject
from stack.ports import HOST, Ports
from tests.support.waiting import answers, come_true, eventually

LOOKS = 8
"""How many times streams are asked for, each of which opened a connection once."""


class Server:
    """A NATS server, started with or without JetStream."""

    def __init__(self, ports: Ports, folder: Path) -> None:
        self._port, self._monitor = ports.take(), ports.take()
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self.url = f"nats://{HOST}:{self._port}"

    def start(self, *, jetstream: bool) -> None:
        self._start(["-js", "-sd", str(self._folder)] if jetstream else [])

    def start_with_tls(self, authority: Authority) -> None:
        files, config = authority.files(NATS_NAME), self._folder / "nats.conf"
        tls = {"cert_file": files.cert, "key_file": files.key, "ca_file": files.ca}
        written = "".join(f'{name}: "{value}"\n' for name, value in tls.items())
        config.write_text(f"tls {{\n{written}verify: true\nhandshake_first: true\n}}\n")
        self._start(["-js", "-sd", str(self._folder), "-c", str(config)])

    def _start(self, more: list[str]) -> None:
        program = str(Path(sys.executable).with_name("nats-server"))
        argv = [program, "-a", HOST, "-p", str(self._port), "-m", str(self._monitor)]
        self._process = subprocess.Popen([*argv, *more], stderr=subprocess.DEVNULL)
        eventually(lambda: bool(self.seen()), "the server")

    def send(self, number: signal.Signals) -> None:
        assert self._process
        self._process.send_signal(number)

    @contextmanager
    def silent(self) -> Iterator[list[socket.socket]]:
        """Have something in its place that takes connections and says nothing; lend those that it took."""
        taken: list[socket.socket] = []
        with socket.create_server((HOST, self._port)) as listener, suppress(OSError), ExitStack() as undo:

            def take() -> None:
                with suppress(OSError):
                    while True:
                        taken.append(undo.enter_context(listener.accept()[0]))

            threading.Thread(target=take, daemon=True).start()
            yield taken
            listener.shutdown(socket.SHUT_RDWR)

    def seen(self) -> dict[str, Any]:
        """Return what the server counts; nothing while it is not there."""
        try:
            found: dict[str, Any] = httpx.get(f"http://{HOST}:{self._monitor}/varz", trust_env=False).json()
        except httpx.TransportError:
            return {}
        return found

    def stop(self) -> None:
        if self._process:
            self._process.terminate()
            self._process.wait()
            self._process = None


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with Ports() as ports:
        server = Server(ports, tmp_path)
        yield server
        server.stop()


async def test_server_without_jetstream_is_asked_over_one_connection_until_it_has_it(server: Server) -> None:
    """Case 28."""
    server.start(jetstream=False)
    bus = Bus(server.url, "test")
    bus.start()
    await come_true(lambda: server.seen()["in_msgs"] >= 2, "the first look")
    tasks = len(asyncio.all_tasks())
    await come_true(lambda: server.seen()["in_msgs"] >= LOOKS, "further looks")
    assert server.seen()["total_connections"] == 1
    assert len(asyncio.all_tasks()) <= tasks
    server.stop()
    server.start(jetstream=True)
    async with asyncio.timeout(30):
        await bus.connected()
    await bus.close()


async def test_server_that_comes_back_without_jetstream_is_used_as_soon_as_it_has_it(server: Server) -> None:
    server.start(jetstream=True)
    bus = Bus(server.url, "test")
    told: list[bool] = []
    bus.when_back(lambda: told.append(True))
    bus.start()
    async with asyncio.timeout(30):
        await bus.connected()
    server.stop()
    server.start(jetstream=False)
    await come_true(lambda: server.seen()["in_msgs"] >= LOOKS, "looks for the streams")
    assert server.seen()["connections"] == 1
    server.stop()
    server.start(jetstream=True)

    async def is_there() -> bool:
        try:
            return bool(await bus.jetstream.stream_info(EVENTS_STREAM)) and len(told) == 2
        except Exception:
            return False

    await answers(is_there, "the stream, and word of it")
    await bus.close()


async def test_messages_that_nobody_reads_do_not_hold_up_the_end(server: Server) -> None:
    server.start(jetstream=True)
    bus = Bus(server.url, "test")
    bus.start()
    async with asyncio.timeout(30):
        await bus.connected()
    dropped = await bus.jetstream._nc.subscribe("left")
    await bus.jetstream._nc.publish("left", b"")
    await come_true(lambda: dropped.pending_msgs, "a message that nobody reads")
    begun = time.monotonic()
    await bus.close()
    assert time.monotonic() - begun < 15, "nats-py waits for half a minute"


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    authority = Authority(tmp_path / "tls")
    authority.issue_all()
    return authority


def _bus(server: Server, authority: Authority) -> Bus:
    return Bus(server.url, "test", BusTls(authority.files("order_svc"), NATS_NAME))


async def test_server_that_took_the_first_connection_and_was_silent_is_found_later(
    server: Server, authority: Authority
) -> None:
    """As one that was frozen, or a proxy whose server is away."""
    bus = _bus(server, authority)
    with server.silent() as taken:
        bus.start()
        await come_true(lambda: len(taken) >= 2, "a second attempt")
    server.start_with_tls(authority)
    async with asyncio.timeout(60):
        await bus.connected()
    await bus.close()


async def test_certificate_that_has_ended_is_taken_over_when_it_is_replaced(
    server: Server, authority: Authority
) -> None:
    authority.issue(Subject.of_process("order_svc"), timedelta(minutes=-1))
    server.start_with_tls(authority)
    bus = _bus(server, authority)
    bus.start()
    with capture_logs() as said:
        await come_true(lambda: [one["event"] for one in said].count("NATS is out of reach") >= 2, "refusals")
    authority.issue(Subject.of_process("order_svc"))
    async with asyncio.timeout(60):
        await bus.connected()
    await bus.close()


async def test_frozen_server_is_away_soon_and_is_back_when_it_goes_on(server: Server, authority: Authority) -> None:
    server.start_with_tls(authority)
    bus = _bus(server, authority)
    bus.start()
    async with asyncio.timeout(60):
        await bus.connected()
    server.send(signal.SIGSTOP)
    begun = time.monotonic()
    await come_true(lambda: not bus.is_connected, "that it is known")
    assert time.monotonic() - begun < 60, "it would be known by its silence of two minutes"
    server.send(signal.SIGCONT)
    await come_true(lambda: bus.is_connected, "the connection")
    await bus.close()
