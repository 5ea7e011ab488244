"""`python -m bench.click`: from a customer's click on the hosted page to `order.succeeded` at the merchant.

First as many payments as the machine makes, several at once, each from its order to its webhook: the maximal rate. Then
payments at a steady part of that rate, whether the ones before have ended or not, as customers come. What is measured
is the time from the click, before the provider has it, to the webhook's last byte.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import orjson
import uvloop
from rich.console import Console
from rich.table import Table

from bench.load import Connection, Tally, message, order_body, percentile, run
from stack.ports import HOST, Ports
from stack.settings import StackSettings
from stack.stack import Ready, Stack

AT_ONCE = 8
WARM_UP_SECONDS = 3.0
PATIENCE_SECONDS = 60.0
UNLIMITED = 1_000_000
TARGET_MS = 200.0
"""What the 99th percentile may be at half the maximal rate."""
ANSWER = b"HTTP/1.1 204 No Content\r\n\r\n"


@dataclass
class Shop:
    """A merchant that is told of each order that was paid."""

    ready: Ready
    told: dict[str, asyncio.Future[float]] = field(default_factory=dict)

    async def paid(self, connection: Connection, provider: Connection) -> float:
        """Have one payment made and paid on the hosted page; return the seconds from the click to the webhook."""
        name = uuid.uuid4().hex
        order_id = str(_answer(*await connection.post("/v1/orders", order_body(1), name))["order_id"])
        wanted = {"order_id": order_id, "provider": "stripe", "return_url": "https://shop.example/thanks"}
        payment = _answer(*await connection.post("/v1/payments", orjson.dumps(wanted), name))
        path = str(payment["redirect_url"]).removeprefix(self.ready.sandbox_url)
        told = self.told[order_id] = asyncio.get_running_loop().create_future()
        clicked = time.perf_counter()
        status, body = await provider.post(f"{path}/pay", orjson.dumps({"payment_method": "pm_card_visa"}), name)
        if status not in (200, 303):
            raise SystemExit(f"the hosted page answered {status} {body[:80]!r}")
        async with asyncio.timeout(PATIENCE_SECONDS):
            arrived: float = await told
        return arrived - clicked

    def note(self, body: bytes) -> None:
        """Take in a webhook."""
        event = orjson.loads(body)
        told = self.told.pop(event["data"]["order"]["order_id"], None)
        # a webhook may come twice
        if told:
            told.set_result(time.perf_counter())

    @asynccontextmanager
    async def listening(self, port: int) -> AsyncIterator[None]:
        """Answer webhooks for as long as the block."""

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                while True:
                    _, body = await message(reader)
                    self.note(body)
                    writer.write(ANSWER)
            except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
                # how each of them ends, at the latest with the bench
                writer.close()

        async with await asyncio.start_server(serve, HOST, port):
            yield


def _answer(status: int, body: bytes) -> dict[str, object]:
    if status != 200:
        raise SystemExit(f"{status} {body[:200]!r}")
    found: dict[str, object] = orjson.loads(body)
    return found


async def maximal(shop: Shop, at_once: int, seconds: float) -> Tally:
    """Have payments made one after the other, so many at once."""
    provider = shop.ready.sandbox_url.removeprefix("http://")
    pages: dict[Connection, Connection] = {}

    async def unit(connection: Connection, number: int) -> str:
        await shop.paid(connection, pages.setdefault(connection, Connection(provider, "none")))
        return ""

    ready = shop.ready
    return await run(ready.edge_grpc, ready.merchant.api_key, unit, connections=at_once, seconds=seconds)


async def steady(shop: Shop, per_second: float, seconds: float) -> list[float]:
    """Have payments made at a steady rate, whatever the ones before take; return the seconds of each."""
    ready, found = shop.ready, list[float]()
    provider = ready.sandbox_url.removeprefix("http://")
    idle: list[tuple[Connection, Connection]] = []

    async def one() -> None:
        pair = idle.pop() if idle else (Connection(ready.edge_grpc, ready.merchant.api_key), Connection(provider, "-"))
        found.append(await shop.paid(*pair))
        idle.append(pair)

    started = time.perf_counter()
    async with asyncio.TaskGroup() as running:
        for number in range(round(per_second * seconds)):
            await asyncio.sleep(started + number / per_second - time.perf_counter())
            running.create_task(one())
    return found


async def measure(ready: Ready, port: int, shares: list[float], seconds: float, console: Console) -> bool:
    """Measure and print; return whether the slowest at half the maximal rate are slower than they may be."""
    shop, too_slow = Shop(ready), False
    async with shop.listening(port):
        merchant = Connection(ready.edge_grpc, ready.merchant.api_key)
        endpoint = {"url": f"http://{HOST}:{port}/hook", "event_types": ["order.succeeded"]}
        _answer(*await merchant.post("/v1/webhook_endpoints", orjson.dumps(endpoint), uuid.uuid4().hex))
        await maximal(shop, AT_ONCE, WARM_UP_SECONDS)
        most = await maximal(shop, AT_ONCE, seconds)
        table = Table("payments a second", "of the maximal rate", "p50 ms", "p99 ms", "payments")
        table.title = f"from the click to the webhook; the machine makes {most.rate:.1f} payments a second at the most"
        for share in shares:
            found = await steady(shop, most.rate * share, seconds)
            p50, p99 = percentile(found, 0.5), percentile(found, 0.99)
            table.add_row(f"{most.rate * share:.1f}", f"{share:.2f}", f"{p50:.0f}", f"{p99:.0f}", str(len(found)))
            too_slow |= share == 0.5 and p99 > TARGET_MS
    console.print(table)
    return too_slow


def main() -> int:
    """Measure and print; the exit status says whether the promise at half the maximal rate is kept."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=30.0, help="of each part")
    parser.add_argument("--shares", default="0.25,0.5,0.75", help="of the maximal rate, by comma")
    chosen = parser.parse_args()
    shares = [float(one) for one in chosen.shares.split(",")]
    settings = StackSettings(requests_per_second=UNLIMITED, key_requests_per_second=UNLIMITED)
    with Stack(settings) as stack, Ports() as ports:
        return uvloop.run(measure(stack.ready, ports.take(), shares, chosen.seconds, Console()))


if __name__ == "__main__":
    sys.exit(main())
