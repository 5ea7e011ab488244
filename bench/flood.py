"""`make flood`: what a good merchant notices of a flood, and what the gateway stores of it.

A merchant makes orders at a steady pace, first alone, then beside so many requests a second without a key, with made-up
keys, or with junk webhooks, from another address and by another process. What counts is its p99 beside its quiet one.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import secrets
import statistics
import sys
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psycopg
import uvloop
from rich.console import Console
from rich.table import Table

from bench.load import Connection, message, order_body, percentile
from edge.domain import Mode, new_secret
from stack.settings import StackSettings
from stack.stack import Ready, Stack

PACE, CONNECTIONS = 50, 8
"""Orders a second of the merchant, and the connections that they, and a flood, go through."""
ELSEWHERE = "127.0.0.9"
GOAL = 2.0
SETTLE_SECONDS = 3.0
JUNK = b'{"id": "evt_junk", "object": "event"}'


def without_key() -> bytes:
    """Return a request without a key, with texts as long as they may be."""
    long = "x" * 1500
    return _request("POST", f"/v1/orders/{long}", f"User-Agent: {long}\r\nIdempotency-Key: {long}\r\n")


def with_made_up_key() -> bytes:
    """Return a request with a key of the right form."""
    return _request("GET", "/v1/orders", f"Authorization: Bearer {new_secret(secrets.token_bytes, Mode.TEST)}\r\n")


def webhook() -> bytes:
    """Return a webhook of an account that there is not, signed by nobody."""
    return _request("POST", f"/v1/webhooks/stripe/{uuid.uuid4()}", "Stripe-Signature: t=1,v1=00\r\n", JUNK)


FLOODS: dict[str, Callable[[], bytes]] = {
    "without a key": without_key,
    "made-up keys": with_made_up_key,
    "junk webhooks": webhook,
}


def _request(method: str, path: str, headers: str, body: bytes = b"") -> bytes:
    head = f"{method} {path} HTTP/1.1\r\nHost: gateway\r\nContent-Type: application/json\r\n{headers}"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


@dataclass(frozen=True)
class Part:
    """The merchant's latencies in seconds while something went on, and what was stored meanwhile, in bytes a second."""

    latencies: list[float]
    failed: int
    stored: float
    logged: float

    @property
    def p99(self) -> float:
        """Milliseconds."""
        return percentile(self.latencies, 0.99)


async def _paced(per_second: float, seconds: float, workers: Sequence[Callable[[int], Awaitable[None]]]) -> None:
    """Have workers take turns at a steady pace, each one thing at a time; who is late goes on at once."""
    loop = asyncio.get_running_loop()
    began = loop.time()

    async def run(first: int, work: Callable[[int], Awaitable[None]]) -> None:
        for number in range(first, round(per_second * seconds), len(workers)):
            await asyncio.sleep(max(0.0, began + number / per_second - loop.time()))
            await work(number)

    await asyncio.gather(*(run(first, work) for first, work in enumerate(workers)))


def _flood(address: str, name: str, per_second: float, seconds: float) -> None:
    """Send junk: the main function of a process of its own."""
    host, _, port = address.rpartition(":")

    async def send_all() -> None:
        await _paced(per_second, seconds, [_Junk(host, int(port), FLOODS[name]).send for _ in range(CONNECTIONS)])

    uvloop.run(send_all())


class _Junk:
    """One connection of a flood, made anew whenever the gateway has closed it."""

    def __init__(self, host: str, port: int, request: Callable[[], bytes]) -> None:
        self._where = host, port
        self._request = request
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def send(self, _number: int) -> None:
        """Send a request and read its answer."""
        try:
            if self._streams is None:
                self._streams = await asyncio.open_connection(*self._where, local_addr=(ELSEWHERE, 0))
            reader, writer = self._streams
            writer.write(self._request())
            head, _ = await message(reader)
            if b"connection: close" in head:
                self._drop()
        except (OSError, asyncio.IncompleteReadError):
            self._drop()

    def _drop(self) -> None:
        if self._streams:
            self._streams[1].close()
        self._streams = None


async def _orders(ready: Ready, seconds: float) -> tuple[list[float], int]:
    """Make orders at the merchant's pace; return how long each took, and how many failed."""
    latencies: list[float] = []
    name, failed = uuid.uuid4().hex, 0

    def worker() -> Callable[[int], Awaitable[None]]:
        connection = Connection(ready.edge_grpc, ready.merchant.api_key)

        async def order(number: int) -> None:
            nonlocal failed
            began = time.perf_counter()
            status, _ = await connection.post("/v1/orders", order_body(number), f"{name}-{number}")
            latencies.append(time.perf_counter() - began)
            failed += status != 200

        return order

    await _paced(PACE, seconds, [worker() for _ in range(CONNECTIONS)])
    return latencies, failed


def _stored(ready: Ready) -> tuple[int, int]:
    """Return how many bytes all databases have, and all logs."""
    with psycopg.connect(ready.database_urls["audit"], autocommit=True) as connection:
        row = connection.execute("SELECT sum(pg_database_size(oid))::bigint FROM pg_database").fetchone()
    logs = sum(file.stat().st_size for file in Path(ready.log_dir).iterdir() if file.is_file())
    return int(row[0]) if row else 0, logs


def measure(ready: Ready, flood: str, per_second: float, seconds: float) -> Part:
    """Have the merchant make orders while a flood goes on; with an empty name, alone."""
    process = multiprocessing.get_context("spawn").Process(
        target=_flood, args=(ready.edge_grpc, flood, per_second, seconds + SETTLE_SECONDS)
    )
    before = _stored(ready)
    if flood:
        process.start()
    # the flood's process takes a moment to start, and its burst is let through
    uvloop.run(_orders(ready, SETTLE_SECONDS))
    latencies, failed = uvloop.run(_orders(ready, seconds))
    if flood:
        process.join()
    stored, logged = (
        (later - sooner) / (seconds + SETTLE_SECONDS) for later, sooner in zip(_stored(ready), before, strict=True)
    )
    return Part(latencies, failed, stored, logged)


def main() -> int:
    """Measure and print; the exit status says whether a flood cost more than the goal, or an order."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=float, default=500.0, help="requests of a flood a second")
    parser.add_argument("--seconds", type=float, default=15.0, help="how long each part runs in each round")
    parser.add_argument("--rounds", type=int, default=2)
    arguments = parser.parse_args()
    console = Console()
    parts: dict[str, list[Part]] = {name: [] for name in ("", *FLOODS)}
    with Stack(StackSettings()) as stack:
        for _ in range(arguments.rounds):
            for name, found in parts.items():
                found.append(measure(stack.ready, name, arguments.rate, arguments.seconds))
    return _report(console, parts, arguments.rate)


def _report(console: Console, parts: Mapping[str, Sequence[Part]], per_second: float) -> int:
    def median(name: str, value: Callable[[Part], float]) -> float:
        return statistics.median(value(part) for part in parts[name])

    quiet = median("", lambda part: part.p99)
    table = Table("beside", "p50 ms", "p99 ms", "of quiet", "failed", "KB/s stored", "KB/s logged")
    worst = 0.0
    for name, found in parts.items():
        p50, p99 = median(name, lambda part: percentile(part.latencies, 0.5)), median(name, lambda part: part.p99)
        stored, logged = median(name, lambda part: part.stored), median(name, lambda part: part.logged)
        failed = sum(part.failed for part in found)
        worst = max(worst, p99 / quiet)
        row = (f"{p50:.1f}", f"{p99:.1f}", f"{p99 / quiet:.2f}", str(failed), f"{stored / 1e3:.0f}")
        table.add_row(f"{per_second:.0f}/s {name}" if name else "nothing", *row, f"{logged / 1e3:.0f}")
    console.print(table)
    console.print(f"a good merchant's p99 is {worst:.2f} times its quiet one at the most; the goal is {GOAL:.0f}")
    return worst > GOAL or any(part.failed for found in parts.values() for part in found)


if __name__ == "__main__":
    sys.exit(main())
