"""What the gateway adds to a provider's own time, and what payments that wait for a slow one cost everybody else."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import httpx
import orjson
import uvloop
from fusionx.payment.v1 import provider_service_pb2 as provider_pb2
from fusionx.payment.v1.provider_service_pb2_grpc import ProviderServiceStub
from rich.console import Console
from rich.table import Table

from bench.load import Connection, Tally, create_orders, order_body, payment_body
from mesh.rpc.dial import dial, tls_of
from stack.stack import Ready

DELAYS_MS = (0, 50, 200)
AT_ONCE = 4
WAITING = 200
TOO_LATE = 504
SLOW_SECONDS = 12.0
"""Long enough for all of them to be on their way before the first one returns."""


@dataclass(frozen=True)
class Overhead:
    """A provider's own time, and that of payments through the gateway, in one run."""

    delay_ms: int
    bare: Tally
    through: Tally


def overhead(ready: Ready, stripe_key: str, payments: int) -> list[Overhead]:
    """Measure payments beside bare calls to the provider, at several delays of the provider."""
    found = []
    for delay in DELAYS_MS:
        with httpx.Client(base_url=ready.sandbox_url) as control:
            fault = _slow_down(control, delay / 1000) if delay else ""
            try:
                bare = uvloop.run(_bare_calls(ready.sandbox_url, stripe_key, payments))
                through = uvloop.run(_payments(ready, payments))
            finally:
                if fault:
                    control.delete(f"/_sandbox/faults/{fault}")
        found.append(Overhead(delay, bare, through))
    return found


def orders_meanwhile(ready: Ready, connections: int, seconds: float) -> tuple[Tally, Tally, int]:
    """Measure orders alone, and again while payments wait for a slow provider; say how many waited."""
    alone = uvloop.run(create_orders(ready, connections, seconds))
    with httpx.Client(base_url=ready.sandbox_url) as control:
        fault = _slow_down(control, SLOW_SECONDS)
        try:
            meanwhile, waiting = uvloop.run(_orders_beside(ready, connections, seconds))
        finally:
            control.delete(f"/_sandbox/faults/{fault}")
    return alone, meanwhile, waiting


def report(console: Console, found: Sequence[Overhead], alone: Tally, meanwhile: Tally, waiting: int) -> None:
    """Print both tables."""
    table = Table("the provider takes", "bare p50", "through p50", "added p50", "bare p99", "through p99", "added p99")
    table.title = f"A payment beside the bare provider call, ms, {AT_ONCE} at once"
    for one in found:
        cells = []
        for fraction in (0.5, 0.99):
            bare, through = one.bare.percentile(fraction), one.through.percentile(fraction)
            cells += [f"{bare:.1f}", f"{through:.1f}", f"{through - bare:.1f}"]
        table.add_row(f"{one.delay_ms} ms more", *cells)
    console.print(table)
    share = meanwhile.rate / alone.rate
    console.print(
        f"orders alone {alone.rate:.0f}/s, beside {waiting} payments that wait for a provider {meanwhile.rate:.0f}/s: "
        f"{share:.0%}"
    )


def _slow_down(control: httpx.Client, seconds: float) -> str:
    fault = {"kind": "latency", "operation": "payment_intents.create", "seconds": seconds}
    return str(control.post("/_sandbox/faults", json=fault).raise_for_status().json()["id"])


async def _bare_calls(url: str, key: str, count: int) -> Tally:
    """Confirm PaymentIntents without the gateway."""
    form = {
        "amount": "1200",
        "currency": "eur",
        "payment_method": "pm_card_visa",
        "payment_method_types[]": "card",
        "confirm": "true",
    }
    async with httpx.AsyncClient(base_url=url, auth=(key, ""), timeout=60) as client:

        async def call() -> None:
            (await client.post("/v1/payment_intents", data=form)).raise_for_status()

        return await _timed(call, count)


async def _payments(ready: Ready, count: int) -> Tally:
    """Pay orders that exist by a token that is confirmed at once."""
    address, key = ready.edge_grpc, ready.merchant.api_key
    orders = await _new_orders(address, key, count)
    free = [Connection(address, key) for _ in range(AT_ONCE)]

    async def call() -> None:
        connection = free.pop()
        await _pay(connection, orders.pop())
        free.append(connection)

    return await _timed(call, count)


async def _timed(call: Callable[[], Awaitable[None]], count: int) -> Tally:
    """Run `count` calls, a few at once, and note how long each took."""
    tally, room = Tally(), asyncio.Semaphore(AT_ONCE)
    started = time.perf_counter()

    async def one() -> None:
        async with room:
            began = time.perf_counter()
            await call()
            tally.latencies.append(time.perf_counter() - began)

    await asyncio.gather(*(one() for _ in range(count)))
    tally.seconds = time.perf_counter() - started
    return tally


async def _orders_beside(ready: Ready, connections: int, seconds: float) -> tuple[Tally, int]:
    """Measure orders once all payments are with the provider, and before it has answered the first."""
    address, key = ready.edge_grpc, ready.merchant.api_key
    orders = await _new_orders(address, key, WAITING)
    payments = [asyncio.create_task(_pay(Connection(address, key), order_id)) for order_id in orders]
    tls = tls_of(ready.operator_tls)
    with dial(ready.services["payment_svc"], "payment_svc", tls) as channel:
        stub = ProviderServiceStub(channel)
        waiting = 0
        deadline = time.perf_counter() + SLOW_SECONDS - seconds - 1
        while waiting < WAITING and time.perf_counter() < deadline:
            answer = stub.ListProviders(provider_pb2.ListProvidersRequest())
            waiting = next(one.calls_in_flight for one in answer.providers if one.name == "stripe")
            await asyncio.sleep(0.05)
    tally = await create_orders(ready, connections, seconds)
    await asyncio.gather(*payments)
    return tally, waiting


async def _new_orders(address: str, key: str, count: int) -> list[str]:
    connection, name = Connection(address, key), uuid.uuid4().hex
    made = []
    for number in range(count):
        status, body = await connection.post("/v1/orders", order_body(number), f"{name}-{number}")
        if status != 200:
            raise RuntimeError(f"no order: {status} {body[:200]!r}")
        made.append(str(orjson.loads(body)["order_id"]))
    return made


async def _pay(connection: Connection, order_id: str) -> None:
    status, body = await connection.post("/v1/payments", payment_body(order_id), f"pay-{order_id}")
    if status == TOO_LATE:
        # beside a provider that takes long, on a busy machine: it goes on
        return
    if status != 200 or orjson.loads(body)["status"] != "SUCCESS":
        raise RuntimeError(f"a payment failed: {status} {body[:200]!r}")
