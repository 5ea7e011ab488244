"""A load generator that costs little of what it measures: keep-alive HTTP/1.1 connections, one request at a time."""

from __future__ import annotations

import asyncio
import re
import time
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import orjson

if TYPE_CHECKING:
    from stack.stack import Ready

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)")


def percentile(seconds: list[float], fraction: float) -> float:
    """Return a percentile of durations in milliseconds."""
    ordered = sorted(seconds)
    return ordered[min(len(ordered) - 1, int(fraction * len(ordered)))] * 1000


async def message(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    """Read a message of HTTP/1.1; return its head in lower case, and its body."""
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    length = _LENGTH.search(head)
    return head, await reader.readexactly(int(length[1]) if length else 0)


@dataclass
class Tally:
    """What a run did: how many requests ended well, how long each took, and what went wrong."""

    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    errors: dict[str, int] = field(default_factory=dict)

    @property
    def rate(self) -> float:
        """Successful units per second."""
        return len(self.latencies) / self.seconds

    def percentile(self, fraction: float) -> float:
        """Return a latency in milliseconds."""
        return percentile(self.latencies, fraction)


class Connection:
    """One keep-alive connection to `host:port`."""

    def __init__(self, address: str, api_key: str) -> None:
        self._host, _, port = address.rpartition(":")
        self._port = int(port)
        self._headers = f"Host: {address}\r\nAuthorization: Bearer {api_key}\r\nContent-Type: application/json\r\n"
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def post(self, path: str, body: bytes, idempotency_key: str) -> tuple[int, bytes]:
        """Send a request and return its status and body."""
        return await self._send(f"POST {path}", body, f"Idempotency-Key: {idempotency_key}\r\n")

    async def get(self, path: str) -> tuple[int, bytes]:
        """Send a request and return its status and body."""
        return await self._send(f"GET {path}", b"", "")

    async def _send(self, line: str, body: bytes, extra: str) -> tuple[int, bytes]:
        if self._reader is None or self._writer is None:
            self._reader, self._writer = await asyncio.open_connection(self._host, self._port)
        head = f"{line} HTTP/1.1\r\n{self._headers}{extra}Content-Length: {len(body)}\r\n\r\n"
        self._writer.write(head.encode() + body)
        answer, content = await message(self._reader)
        return int(answer[9:12]), content


Unit = Callable[[Connection, int], Awaitable[str]]
"""One unit of work on a connection; returns what went wrong, or nothing."""


async def run(address: str, api_key: str, unit: Unit, *, connections: int, seconds: float) -> Tally:
    """Repeat `unit` on each connection until the time is over."""
    tally = Tally()
    started = time.perf_counter()
    end = started + seconds
    counter = iter(range(1 << 60))

    async def worker() -> None:
        connection = Connection(address, api_key)
        while (began := time.perf_counter()) < end:
            problem = await unit(connection, next(counter))
            if problem:
                tally.errors[problem] = tally.errors.get(problem, 0) + 1
            else:
                tally.latencies.append(time.perf_counter() - began)

    await asyncio.gather(*(worker() for _ in range(connections)))
    tally.seconds = time.perf_counter() - started
    return tally


async def create_orders(ready: Ready, connections: int, seconds: float) -> Tally:
    """Create orders through the edge, each under an idempotency key of its own."""
    name = uuid.uuid4().hex

    async def unit(connection: Connection, number: int) -> str:
        status, body = await connection.post("/v1/orders", order_body(number), f"{name}-{number}")
        return "" if status == 200 else f"{status} {body[:80]!r}"

    return await run(ready.edge_grpc, ready.merchant.api_key, unit, connections=connections, seconds=seconds)


def order_body(number: int) -> bytes:
    """Return a create-order request as merchants send them."""
    return orjson.dumps(
        {
            "merchant_order_id": f"order-{number}",
            "amount": {"value": "12.00", "currency": "EUR"},
            "description": "A pair of shoes",
            "metadata": {"cart": f"cart-{number}"},
        }
    )


def payment_body(order_id: str) -> bytes:
    """Return a create-payment request for a card that is charged at once."""
    return orjson.dumps({"order_id": order_id, "provider": "stripe", "payment_method": "pm_card_visa"})
