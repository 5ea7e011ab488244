"""`python -m bench.webhooks`: how fast webhooks leave, and what dead and slow endpoints cost the healthy ones.

Three parts, each on a stack of its own: a backlog that is worked off; events at a steady rate with all endpoints
healthy, and again with some dead and some slow; and with `--soak` the sender's memory over minutes.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import socket
import statistics
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from multiprocessing import get_context

import httpx
import orjson
import psutil
import uvloop
from fusionx.identity.v1 import identity_service_pb2 as identity
from fusionx.identity.v1.identity_service_pb2_grpc import IdentityServiceStub
from rich.console import Console

from bench.load import Connection, message, order_body, percentile
from mesh.rpc.dial import dial, tls_of
from stack.ports import HOST, Ports
from stack.settings import StackSettings
from stack.stack import Ready, Stack

ENDPOINTS = 100
DEAD = SLOW = 5
SLOW_SECONDS = 10.0
UNLIMITED = 1_000_000
DEAD_PORT = 9
"""Discard: nobody listens there, so a connection is refused."""

ANSWER = b"HTTP/1.1 204 No Content\r\n\r\n"


@dataclass
class Shop:
    """A merchant with one endpoint."""

    api_key: str
    healthy: bool


@dataclass
class Arrivals:
    """What came to the healthy endpoints: when, after how long, and the ids of the events."""

    times: list[float] = field(default_factory=list)
    latencies: list[float] = field(default_factory=list)
    ids: set[str] = field(default_factory=set)

    async def complete(self, count: int) -> None:
        """Wait until so many events have come."""
        while len(self.ids) < count:  # noqa: ASYNC110  a look now and then costs less than an event at each arrival
            await asyncio.sleep(0.05)

    def percentile(self, fraction: float) -> float:
        """Return a time from commit to delivery in milliseconds."""
        return percentile(self.latencies, fraction)


@asynccontextmanager
async def _receiving(port: int) -> AsyncIterator[Arrivals]:
    """Run merchants' servers on one port: `/slow` answers after ten seconds, everything else at once."""
    arrivals = Arrivals()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # a connection that is open at the end is cancelled: nobody wants to hear of it
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            while True:
                head, body = await message(reader)
                if head.startswith(b"post /slow"):
                    await asyncio.sleep(SLOW_SECONDS)
                else:
                    _note(arrivals, body)
                writer.write(ANSWER)
        writer.close()

    async with await asyncio.start_server(serve, HOST, port):
        yield arrivals


def _note(arrivals: Arrivals, body: bytes) -> None:
    now, event = time.time(), orjson.loads(body)
    if event["id"] not in arrivals.ids:
        arrivals.ids.add(event["id"])
        arrivals.times.append(now)
        arrivals.latencies.append(now - datetime.fromisoformat(event["timestamp"]).timestamp())


async def _receive(port: int, count: int, seconds: float) -> Arrivals:
    async with _receiving(port) as arrivals:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await arrivals.complete(count)
        return arrivals


def _receiver(port: int, count: int, seconds: float) -> Arrivals:
    """Receive in a process of its own, so that the load's own work does not delay what is measured."""
    return uvloop.run(_receive(port, count, seconds))


def _wait_for(port: int) -> None:
    """Wait until the receiver listens: an event that met nobody would come again only after five seconds."""
    while True:
        with contextlib.suppress(OSError):
            socket.create_connection((HOST, port)).close()
            return
        time.sleep(0.05)


@contextmanager
def _stack() -> Iterator[Stack]:
    settings = StackSettings(requests_per_second=UNLIMITED, key_requests_per_second=UNLIMITED)
    with Stack(settings) as stack:
        yield stack


def _shops(ready: Ready, port: int, dead: int, slow: int) -> list[Shop]:
    """Make merchants, each with an endpoint; the first ones' are dead, the next ones' slow."""
    shops = []
    with dial(ready.services["edge"], "edge", tls_of(ready.operator_tls)) as channel:
        stub = IdentityServiceStub(channel)
        for number in range(ENDPOINTS):
            merchant = stub.CreateMerchant(identity.CreateMerchantRequest(display_name=f"shop {number}"), timeout=30)
            request = identity.CreateApiKeyRequest(merchant_id=merchant.merchant_id)
            key = stub.CreateApiKey(request, timeout=30).secret
            place = f"{port}/hook"
            if number < dead:
                place = f"{DEAD_PORT}/dead"
            elif number < dead + slow:
                place = f"{port}/slow"
            httpx.post(
                f"{ready.edge_url}/v1/webhook_endpoints",
                json={"url": f"http://{HOST}:{place}"},
                headers={"authorization": f"Bearer {key}"},
            ).raise_for_status()
            shops.append(Shop(key, healthy=number >= dead + slow))
    return shops


async def _orders(ready: Ready, shops: Sequence[Shop], count: int, per_second: float) -> None:
    """Create orders, each merchant in its turn, at a steady rate."""
    connections = [Connection(ready.edge_grpc, shop.api_key) for shop in shops]
    started, running = time.monotonic(), set[asyncio.Task[None]]()

    async def order(number: int, after: Awaitable[None] | None) -> None:
        if after:
            await after
        status, body = await connections[number % len(shops)].post("/v1/orders", order_body(number), f"bench-{number}")
        if status != 200:
            raise SystemExit(f"an order was refused: {status} {body[:200]!r}")

    latest: dict[int, asyncio.Task[None]] = {}
    for number in range(count):
        await asyncio.sleep(max(0.0, started + number / per_second - time.monotonic()))
        shop = number % len(shops)
        latest[shop] = task = asyncio.create_task(order(number, latest.get(shop)))
        running.add(task)
        task.add_done_callback(running.discard)
    await asyncio.gather(*latest.values())


def backlog(events: int) -> float:
    """Return webhooks per second while a backlog is worked off by one process."""
    with _stack() as stack, Ports() as ports, ProcessPoolExecutor(1, get_context("spawn")) as pool:
        port = ports.take()
        shops = _shops(stack.ready, port, 0, 0)
        stack.stop("notify_svc")
        uvloop.run(_orders(stack.ready, shops, events, UNLIMITED))
        receiving = pool.submit(_receiver, port, events, 600)
        _wait_for(port)
        stack.start("notify_svc")
        arrivals = receiving.result()
        if len(arrivals.ids) < events:
            raise SystemExit(f"only {len(arrivals.ids)} of {events} events came")
        # of the middle: the first ones wait for the process to be warm, the last ones for nobody
        times = sorted(arrivals.times)[events // 10 : -events // 10]
        return len(times) / (times[-1] - times[0])


def steady(events: int, per_second: float, dead: int, slow: int) -> Arrivals:
    """Return what came to healthy endpoints of events at a steady rate."""
    with _stack() as stack, Ports() as ports, ProcessPoolExecutor(1, get_context("spawn")) as pool:
        port = ports.take()
        shops = _shops(stack.ready, port, dead, slow)
        healthy = sum(shops[number % len(shops)].healthy for number in range(events))
        receiving = pool.submit(_receiver, port, healthy, events / per_second + 120)
        _wait_for(port)
        uvloop.run(_orders(stack.ready, shops, events, per_second))
        arrivals = receiving.result()
        if len(arrivals.ids) < healthy:
            raise SystemExit(f"only {len(arrivals.ids)} of {healthy} events came to healthy endpoints")
        return arrivals


def soak(seconds: float, per_second: float) -> list[tuple[float, float]]:
    """Return the sender's memory in MB by the seconds since the start, with dead and slow endpoints among the rest."""
    events, found = round(seconds * per_second), []
    with _stack() as stack, Ports() as ports, ProcessPoolExecutor(2, get_context("spawn")) as pool:
        port = ports.take()
        shops = _shops(stack.ready, port, DEAD, SLOW)
        receiving = pool.submit(_receiver, port, events + 1, seconds + 10)
        _wait_for(port)
        loading = pool.submit(_load, stack.ready, shops, events, per_second)
        sender, started = psutil.Process(stack.ready.pids["notify_svc"]), time.monotonic()
        while not loading.done():
            found.append((time.monotonic() - started, sender.memory_full_info().uss / 2**20))
            with contextlib.suppress(TimeoutError):
                loading.exception(timeout=5)
        loading.result()
        receiving.result()
    return found


def _load(ready: Ready, shops: Sequence[Shop], count: int, per_second: float) -> None:
    uvloop.run(_orders(ready, shops, count, per_second))


def main() -> int:
    """Measure and print; the exit status says whether the promises are kept."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=10_000)
    parser.add_argument("--per-second", type=float, default=100.0, help="rate of the steady parts")
    parser.add_argument("--soak", type=float, default=0.0, help="only watch the memory, for so many seconds")
    arguments = parser.parse_args()
    console = Console()
    console.print(f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {psutil.cpu_count()} cores")
    if arguments.soak:
        sizes = soak(arguments.soak, arguments.per_second)
        third = len(sizes) // 3
        early, late = (
            statistics.median(size for _, size in part) for part in (sizes[third : 2 * third], sizes[-third:])
        )
        console.print(f"the sender's memory: {early:.1f} MB in the second third, {late:.1f} MB in the last")
        return late > early * 1.1
    rate = backlog(arguments.events)
    console.print(f"a backlog of {arguments.events} events leaves at {rate:.0f} webhooks/s")
    all_healthy = steady(arguments.events, arguments.per_second, 0, 0)
    mixed = steady(arguments.events, arguments.per_second, DEAD, SLOW)
    for name, arrivals in (("all healthy", all_healthy), (f"{DEAD} dead and {SLOW} slow", mixed)):
        p50, p99 = arrivals.percentile(0.5), arrivals.percentile(0.99)
        console.print(f"{ENDPOINTS} endpoints, {name}: from commit to delivery p50 {p50:.0f} ms, p99 {p99:.0f} ms")
    ratio = mixed.percentile(0.99) / all_healthy.percentile(0.99)
    console.print(f"the healthy ones' p99 is {ratio:.2f} times what it is when all are healthy; the promise is 2")
    return ratio > 2 or rate < 300


if __name__ == "__main__":
    sys.exit(main())
