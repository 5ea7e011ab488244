"""Taking an order for a payment, on a real database: by what was just read, in one statement, or by its row."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

import psycopg
import pytest

from mesh.errors import ApiError
from mesh.events.outbox import Unpublished
from mesh.events.unit_of_work import UnitsOfWork
from mesh.money import Money
from mesh.storage.database import Database, Session
from order_svc.domain import Capture, Order, OrderStatus
from order_svc.storage.orders import OrderRepository
from order_svc.tables import metadata
from order_svc.use_cases.orders import Lifetimes, NewOrder, Orders
from stack.stack import Ready
from tests.support.databases.lent import lent_database

WRITTEN = (
    "SELECT (SELECT version FROM orders), (SELECT count(*) FROM history WHERE version > 1),"
    " (SELECT count(*) FROM outbox), (SELECT payment_id FROM orders)"
)


@dataclass
class Desk:
    """Orders, what was published of them, and how often they were taken in a transaction."""

    orders: Orders
    work: UnitsOfWork
    url: str
    merchant_id: UUID = field(default_factory=uuid.uuid4)
    carried: list[Unpublished] = field(default_factory=list)
    later: list[timedelta] = field(default_factory=list)
    transactions: int = 0

    async def order(self) -> Order:
        """Make an order, and have it read as one that is about to be paid."""
        new = NewOrder(self.merchant_id, "", Money(1200, "EUR"), "", {}, None)
        made = await self.orders.create(new, None)
        assert isinstance(made, Order)
        return await self.orders.payable(self.merchant_id, made.order_id)

    def written(self) -> tuple[object, ...]:
        """Return the version, the entries of the timeline behind the first, the events, and the payment."""
        with psycopg.connect(self.url) as connection:
            return connection.execute(WRITTEN.encode()).fetchone() or ()


@pytest.fixture
async def desk(gateway: Ready) -> AsyncIterator[Desk]:
    with lent_database(gateway, "orders", metadata) as url:
        database = Database(url, 4)
        await database.open()

        def carry(rows: Sequence[Unpublished]) -> None:
            made.carried.extend(rows)

        def now() -> datetime:
            return datetime.now(UTC) + sum(made.later, timedelta())

        work, lifetimes = UnitsOfWork(database, carry), Lifetimes(timedelta(hours=1), timedelta(days=1))
        made = Desk(Orders(database, OrderRepository(), lifetimes, work, clock=now), work, url)
        counted = database.transaction

        @asynccontextmanager
        async def transaction(patience: float | None = None) -> AsyncIterator[Session]:
            made.transactions += 1
            async with counted(patience) as session:
                yield session

        database.transaction = transaction  # type: ignore[method-assign]
        yield made
        await database.close()


async def test_what_was_just_read_is_taken_in_one_statement(desk: Desk) -> None:
    order, payment_id = await desk.order(), uuid.uuid4()
    taken = await desk.orders.reserve(desk.merchant_id, order.order_id, payment_id)
    assert (taken.status, taken.version, desk.transactions) == (OrderStatus.PROCESSING, 2, 0)
    assert desk.written() == (2, 1, 2, payment_id)
    assert [row.aggregate_id for row in desk.carried] == [order.order_id] * 2
    # the answer was lost
    assert await desk.orders.reserve(desk.merchant_id, order.order_id, payment_id) == taken
    assert desk.written() == (2, 1, 2, payment_id)


async def test_of_payments_at_once_one_takes_it_and_nothing_else_is_stored(desk: Desk) -> None:
    order, payments = await desk.order(), [uuid.uuid4() for _ in range(6)]

    async def reserve(payment_id: UUID) -> UUID | str | None:
        await desk.orders.payable(desk.merchant_id, order.order_id)
        try:
            return (await desk.orders.reserve(desk.merchant_id, order.order_id, payment_id)).payment_id
        except ApiError as error:
            return error.reason

    winner, *others = sorted(await asyncio.gather(*map(reserve, payments)), key=lambda won: won not in payments)
    assert others == ["PAYMENT_IN_PROGRESS"] * 5
    assert desk.written() == (2, 1, 2, winner)


async def test_what_has_changed_since_it_was_read_is_looked_at_again(desk: Desk) -> None:
    order = await desk.order()
    await desk.orders.cancel(desk.merchant_id, order.order_id)
    with pytest.raises(ApiError, match="CANCELLED and cannot be paid"):
        await desk.orders.reserve(desk.merchant_id, order.order_id, uuid.uuid4())
    assert desk.written() == (2, 1, 2, None)


@pytest.mark.parametrize("why", ["of another merchant", "too late"])
async def test_what_may_not_be_taken_is_not_by_having_been_read(desk: Desk, why: str) -> None:
    order = await desk.order()
    merchant_id = desk.merchant_id if why == "too late" else uuid.uuid4()
    desk.later.append(timedelta(hours=2) if why == "too late" else timedelta())
    with pytest.raises(ApiError) as refused:
        await desk.orders.reserve(merchant_id, order.order_id, uuid.uuid4())
    assert refused.value.reason == {"too late": "ORDER_NOT_PAYABLE"}.get(why, "ORDER_NOT_FOUND")
    assert desk.written() == (1, 0, 1, None)


async def test_another_merchants_order_is_not_waited_for(desk: Desk) -> None:
    order = await desk.order()
    async with await psycopg.AsyncConnection.connect(desk.url) as other:
        await other.execute("SELECT FROM orders FOR UPDATE")
        with pytest.raises(ApiError) as refused:
            await desk.orders.cancel(uuid.uuid4(), order.order_id)
    assert refused.value.reason == "ORDER_NOT_FOUND"


@pytest.mark.parametrize("expired", [False, True])
async def test_payment_that_has_ended_does_not_take_its_order_again(desk: Desk, expired: bool) -> None:
    """A database of payments that was restored holds it for one that is about to begin."""
    order, payment_id = await desk.order(), uuid.uuid4()
    await desk.orders.reserve(desk.merchant_id, order.order_id, payment_id)
    async with desk.work.begin() as unit:
        await desk.orders.fail(unit, order.order_id, payment_id)
    if expired:
        with psycopg.connect(desk.url) as connection:
            connection.execute("UPDATE orders SET expire_time = now() - interval '1 day'")
        await desk.orders.expire_due()
    with pytest.raises(ApiError) as refused:
        await desk.orders.reserve(desk.merchant_id, order.order_id, payment_id)
    assert refused.value.reason == "ORDER_NOT_PAYABLE"
    if not expired:
        another = await desk.orders.reserve(desk.merchant_id, order.order_id, uuid.uuid4())
        assert another.status == OrderStatus.PROCESSING


async def test_payment_that_has_paid_its_order_has_it(desk: Desk) -> None:
    order, payment_id = await desk.order(), uuid.uuid4()
    await desk.orders.reserve(desk.merchant_id, order.order_id, payment_id)
    assert not await desk.orders.try_to_settle(desk.merchant_id, order.order_id, Capture(payment_id, order.amount))
    again = await desk.orders.reserve(desk.merchant_id, order.order_id, payment_id)
    assert (again.status, again.payment_id) == (OrderStatus.SUCCESS, payment_id)
