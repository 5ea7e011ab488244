"""The connection to NATS, on a server of the test's own that is not as it should be."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from mesh.events.bus import EVENTS_STREAM, Bus
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
        program = str(Path(sys.executable).with_name("nats-server"))
        argv = [program, "-a", HOST, "-p", str(self._port), "-m", str(self._monitor)]
        more = ["-js", "-sd", str(self._folder)] if jetstream else []
        self._process = subprocess.Popen([*argv, *more], stderr=subprocess.DEVNULL)
        eventually(lambda: bool(self.seen()), "the server")

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
