"""Orders expire by the database's clock."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
import time_machine

from mesh.events.unit_of_work import UnitsOfWork
from mesh.money import Money
from mesh.storage.database import Database
from order_svc.domain import Order, OrderStatus
from order_svc.storage.orders import OrderRepository
from order_svc.tables import metadata
from order_svc.use_cases.orders import Lifetimes, NewOrder, Orders
from stack.stack import Ready
from tests.support.databases.clocks import move_clock
from tests.support.databases.lent import lent_database

LIFETIME = timedelta(seconds=30)


@pytest.fixture
def orders_url(gateway: Ready) -> Iterator[str]:
    """A database with the tables of the order service, the test's own while it runs."""
    with lent_database(gateway, "orders", metadata) as url:
        yield url


@pytest.mark.parametrize("off", [timedelta(seconds=20), timedelta(seconds=-20)])
async def test_process_clock_that_is_off_makes_no_order_expire_early_or_late(off: timedelta, orders_url: str) -> None:
    database = Database(orders_url, 2)
    await database.open()
    async with database.session() as session:
        database.learn(await session.now())
    work = UnitsOfWork(database, lambda _: None)
    orders = Orders(database, OrderRepository(), Lifetimes(LIFETIME, LIFETIME), work, clock=database.clock)
    merchant_id = uuid.uuid4()
    with psycopg.connect(orders_url, autocommit=True) as admin, time_machine.travel(datetime.now(UTC) + off, tick=True):
        made = await orders.create(NewOrder(merchant_id, "", Money(1200, "EUR"), "", {}, None), None)
        assert isinstance(made, Order)
        for moved, status in ((-10, OrderStatus.NEW), (+1, OrderStatus.EXPIRED)):
            move_clock(admin, LIFETIME + timedelta(seconds=moved))
            await orders.expire_due()
            assert (await orders.get(merchant_id, made.order_id)).status is status
    await database.close()
