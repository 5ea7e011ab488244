"""What a payment may cost the databases of orders and payments: counts, so that no machine is too busy for them.

One lifecycle after the other in a world where nothing goes wrong and nobody looks by the clock. `bench.counts` counts
the whole stack, by the same file.
"""

from __future__ import annotations

import asyncio
import os
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fusionx.order.v1 import order_service_pb2
from fusionx.payment.v1 import payment_service_pb2
from fusionx.type.v1 import money_pb2

from bench.counts import BUDGET
from stack.stack import Ready
from tests.simulation.people import Customers
from tests.simulation.schedule import Runner
from tests.simulation.shops import Shop
from tests.simulation.world import World
from tests.support.databases.simulated import Store, stores
from tests.support.databases.virtual_loop import VirtualLoop

LIFECYCLES = 9
"""The cheapest of them counts: the first looks accounts up, and another has what the server did beside it."""
OPEN = {
    "orders": "SELECT (SELECT count(*) FROM orders WHERE status <> 'SUCCESS')"
    " + (SELECT count(*) FROM outbox WHERE publish_time IS NULL)",
    "payments": "SELECT (SELECT count(*) FROM provider_events WHERE status = 'PENDING')"
    " + (SELECT count(*) FROM outbox WHERE publish_time IS NULL)",
}
TABLES = ("idempotency_keys", "outbox", "history")
ROWS = {"orders": (*TABLES, "orders", "inbox"), "payments": (*TABLES, "payments", "operations", "provider_events")}


@pytest.fixture
def runner(gateway: Ready) -> Iterator[Runner]:
    """Databases and a loop for the story of this process."""
    server = gateway.database_urls["orders"].rpartition("/")[0]
    loop = VirtualLoop()
    with stores(server, f"budget_{os.getpid()}", loop.turnstile) as made:
        yield Runner(loop, made)
    loop.close()


async def _spent(stores: dict[str, Store]) -> dict[str, int]:
    rows = {name: sum(store.count(f"SELECT count(*) FROM {table}") for table in ROWS[name])
            for name, store in stores.items()}  # fmt: skip
    return {
        "transactions": sum(store.transactions for store in stores.values()),
        "statements": sum(store.statements for store in stores.values()),
        "rows inserted": sum(rows.values()),
        "WAL, bytes": sum([await store.wal_bytes() for store in stores.values()]),
    }


async def _lifecycle(world: World, shop: Shop) -> None:
    """Have an order paid by a card, and wait until all of it is told and applied."""
    amount = money_pb2.Money(value="12.50", currency="EUR")
    sure: Any = shop._sure
    order = await sure("CreateOrder", order_service_pb2.CreateOrderRequest(amount=amount), "orders", "orders")
    wanted = payment_service_pb2.CreatePaymentRequest(
        order_id=order.order_id, provider="stripe", payment_method="pm_card"
    )
    await sure("CreatePayment", wanted, "payments", "payments")
    while any(store.count(OPEN[name]) for name, store in world.stores.items()):  # noqa: ASYNC110 - virtual time
        await asyncio.sleep(0.01)


async def _story(world: World) -> list[dict[str, int]]:
    """Return what each lifecycle cost."""
    Customers(world)
    world.add_process("orders")
    world.add_process("payments")
    shop, costs = Shop(world, 1), []
    for _ in range(LIFECYCLES):
        before = await _spent(world.stores)
        await _lifecycle(world, shop)
        after = await _spent(world.stores)
        costs.append({name: after[name] - before[name] for name in after})
    return costs


def test_a_payment_costs_no_more_than_it_may(runner: Runner) -> None:
    costs = runner.alone(_story)
    budget: dict[str, int] = tomllib.loads(Path(BUDGET).read_text())["a lifecycle of orders and payments alone"]
    for name, most in budget.items():
        spent = min(cost[name] for cost in costs)
        assert 0 < spent <= most, f"{name}: {costs}"
