"""A database of payment links."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from mesh.events.unit_of_work import UnitsOfWork
from mesh.storage.database import Database
from mesh.storage.listing import id_at
from order_svc.storage.orders import OrderRepository
from order_svc.tables import metadata
from order_svc.use_cases.orders import Lifetimes, Orders
from order_svc.use_cases.payment_links import PaymentLinks
from stack.stack import Ready
from tests.order_svc.links import AT_ONCE, Shop
from tests.support.databases.lent import lent_database


@pytest.fixture
async def shop(gateway: Ready) -> AsyncIterator[Shop]:
    with lent_database(gateway, "orders", metadata) as url:
        database = Database(url, AT_ONCE)
        await database.open()
        work = UnitsOfWork(database, lambda _: None)
        day = timedelta(hours=24)
        later: list[timedelta] = []

        def clock() -> datetime:
            return datetime.now(UTC) + sum(later, timedelta())

        def made_now() -> UUID:
            return UUID(int=id_at(clock()).int | secrets.randbits(80))

        orders = Orders(database, OrderRepository(), Lifetimes(day, day), work, clock=clock)
        yield Shop(PaymentLinks(database, work, day, clock=clock, ids=made_now), orders, work, uuid.uuid4(), url, later)
        await database.close()
