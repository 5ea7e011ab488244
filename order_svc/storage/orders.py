"""Orders in PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import sqlalchemy as sa
from psycopg.types.json import Jsonb
from sqlalchemy.dialects import postgresql as pg

from mesh.events.envelope import OutboxEvent, columns
from mesh.events.outbox import EVENT_ROWS, Stored, Unpublished, handed, inserted
from mesh.money import Money
from mesh.storage import history
from mesh.storage.arrays import rows_from_arrays
from mesh.storage.database import Session, Statement, statement
from mesh.storage.history import Entry
from mesh.storage.idempotency import Claim, claims_parameters, insert_claims
from mesh.storage.listing import Listing, Pages
from mesh.storage.schema import NOW
from order_svc.domain import Order, OrderStatus
from order_svc.tables import orders


class OrderRow(NamedTuple):
    """An order as it is stored."""

    order_id: UUID
    merchant_id: UUID
    merchant_order_id: str
    amount_minor: int
    currency: str
    status: str
    description: str
    metadata: dict[str, str]
    payment_id: UUID | None
    payment_version: int
    version: int
    create_time: datetime
    update_time: datetime
    expire_time: datetime
    create_trace_id: str
    refunded_minor: int
    refunded_version: int
    captured_minor: int | None
    payment_link_id: UUID | None
    link_checkout: str | None


_COLUMNS = [column.name for column in orders.columns]


_NEW_ROWS = rows_from_arrays("new_row", list(orders.columns), prefix="order_", alone=True)


def _create() -> Statement[Stored]:
    """Build the one statement, hence one round trip and one transaction, that makes a batch of orders.

    The idempotency records decide: where a key is taken nothing is inserted for it, and then neither is its order nor
    its event. Orders without a key are marked as free by the caller.
    """
    claim = insert_claims().cte("claim")
    free = sa.union_all(
        sa.select(claim.c.resource_id),
        sa.select(sa.func.unnest(sa.bindparam("without_key", type_=pg.ARRAY(sa.UUID)))),
    ).cte("free")
    rows = sa.select(*_NEW_ROWS.c).where(_NEW_ROWS.c.order_id.in_(sa.select(free.c.resource_id)))
    order = sa.insert(orders).from_select(_COLUMNS, rows).cte("new_order")
    is_free = EVENT_ROWS.c.aggregate_id.in_(sa.select(free.c.resource_id))
    return statement(inserted(is_free).add_cte(order), Stored)


_CREATE = _create()
_of_id = sa.select(orders).where(orders.c.order_id == sa.bindparam("order_id", type_=sa.UUID))
_owned = _of_id.where(orders.c.merchant_id == sa.bindparam("merchant_id", type_=sa.UUID))
_GET = statement(_owned, OrderRow)
_LOCK = statement(_of_id.with_for_update(), OrderRow)
_LOCK_OWNED = statement(_owned.with_for_update(), OrderRow)
_update = (
    sa.update(orders)
    .where(
        orders.c.order_id == sa.bindparam("b_order_id", type_=sa.UUID),
        orders.c.version == sa.bindparam("b_version", type_=sa.Integer) - 1,
        # all that changes without another version: a test clock has it end sooner
        orders.c.expire_time == sa.bindparam("b_expire_time", type_=orders.c.expire_time.type),
    )
    .values(
        status=sa.bindparam("b_status", type_=sa.Text),
        payment_id=sa.bindparam("b_payment_id", type_=sa.UUID),
        payment_version=sa.bindparam("b_payment_version", type_=sa.Integer),
        version=sa.bindparam("b_version", type_=sa.Integer),
        update_time=sa.bindparam("b_update_time", type_=orders.c.update_time.type),
        refunded_minor=sa.bindparam("b_refunded_minor", type_=sa.BigInteger),
        refunded_version=sa.bindparam("b_refunded_version", type_=sa.Integer),
        captured_minor=sa.bindparam("b_captured_minor", type_=sa.BigInteger),
    )
    .returning(orders.c.order_id)
    .cte("changed")
)
_has_changed = sa.exists(sa.select(_update.c.order_id))
_UPDATE = statement(
    inserted(_has_changed).add_cte(history.rows_to_insert(_has_changed).cte("new_entry")),
    Stored,
)

_EXPIRED = statement(
    sa.select(orders)
    # the words of the partial index, so that the planner sees that they are the same
    .where(sa.text("status IN ('NEW', 'FAILED')"), orders.c.expire_time <= NOW)
    .order_by(orders.c.expire_time)
    .limit(sa.bindparam("limit", type_=sa.Integer))
    .with_for_update(skip_locked=True),
    OrderRow,
)
_NOTE = statement(
    sa.update(orders)
    .where(orders.c.order_id == sa.bindparam("b_order_id", type_=sa.UUID))
    .values(
        payment_version=sa.bindparam("b_payment_version", type_=sa.Integer),
        refunded_minor=sa.bindparam("b_refunded_minor", type_=sa.BigInteger),
        refunded_version=sa.bindparam("b_refunded_version", type_=sa.Integer),
        captured_minor=sa.bindparam("b_captured_minor", type_=sa.BigInteger),
    )
)


PAGES = Pages(orders, "order_id", OrderRow, list(orders.c))


def order_of(row: OrderRow) -> Order:
    """Return the order of a row."""
    return Order(
        order_id=row.order_id,
        merchant_id=row.merchant_id,
        merchant_order_id=row.merchant_order_id,
        amount=Money(row.amount_minor, row.currency),
        status=OrderStatus(row.status),
        description=row.description,
        metadata=row.metadata,
        payment_id=row.payment_id,
        payment_version=row.payment_version,
        version=row.version,
        create_time=row.create_time,
        update_time=row.update_time,
        expire_time=row.expire_time,
        create_trace_id=row.create_trace_id,
        refunded=row.refunded_minor,
        refunded_version=row.refunded_version,
        captured=row.captured_minor,
        payment_link_id=row.payment_link_id,
        link_checkout=row.link_checkout or "",
    )


def _values(order: Order) -> tuple[object, ...]:
    """Return an order's columns, in the order of the table's."""
    return (
        order.order_id,
        order.merchant_id,
        order.merchant_order_id,
        order.amount.minor,
        order.amount.currency,
        str(order.status),
        order.description,
        Jsonb(dict(order.metadata)),
        order.payment_id,
        order.payment_version,
        order.version,
        order.create_time,
        order.update_time,
        order.expire_time,
        order.create_trace_id,
        order.refunded,
        order.refunded_version,
        order.captured,
        order.payment_link_id,
        order.link_checkout if order.payment_link_id else None,
    )


@dataclass(frozen=True, slots=True)
class Creation:
    """An order to insert, with the fact of it, and the claim and answer that its request is remembered by."""

    order: Order
    event: OutboxEvent
    claim: Claim | None
    response: bytes


class OrderRepository:
    """Orders in PostgreSQL. Methods run in the session, and so in the transaction, that they are given."""

    async def create(self, session: Session, batch: Sequence[Creation]) -> list[Unpublished]:
        """Insert orders with their events and idempotency records, in one statement.

        Return the events of those that are new; the key of any other was taken by an earlier request.
        """
        columns_of_orders = zip(*(_values(new.order) for new in batch), strict=True)
        parameters = {f"order_{name}": list(values) for name, values in zip(_COLUMNS, columns_of_orders, strict=True)}
        claims = [(new.claim, new.order.order_id, new.response) for new in batch if new.claim]
        new = await session.all(
            _CREATE,
            **parameters,
            **columns(new.event for new in batch),
            **claims_parameters(claims),
            without_key=[new.order.order_id for new in batch if new.claim is None],
        )
        return handed((one.event for one in batch), new)

    async def get(self, session: Session, merchant_id: UUID, order_id: UUID) -> Order | None:
        """Return a merchant's order."""
        row = await session.one(_GET, merchant_id=merchant_id, order_id=order_id)
        return order_of(row) if row else None

    async def lock(self, session: Session, order_id: UUID) -> Order | None:
        """Return an order and hold its row until the transaction ends."""
        row = await session.one(_LOCK, order_id=order_id)
        return order_of(row) if row else None

    async def lock_owned(self, session: Session, merchant_id: UUID, order_id: UUID) -> Order | None:
        """Return a merchant's order and hold its row; nobody else's is waited for."""
        row = await session.one(_LOCK_OWNED, merchant_id=merchant_id, order_id=order_id)
        return order_of(row) if row else None

    async def update(
        self, session: Session, order: Order, event: OutboxEvent, entries: Sequence[Entry]
    ) -> list[Unpublished]:
        """Store the order's next version with its event and its entries of the timeline, in one statement.

        Return what is to be published. Raises RuntimeError when somebody else stored it first.
        """
        stored = await self.try_update(session, order, event, entries)
        if not stored:
            raise RuntimeError(f"order {order.order_id} is no longer at version {order.version - 1}")
        return stored

    async def try_update(
        self, session: Session, order: Order, event: OutboxEvent, entries: Sequence[Entry]
    ) -> list[Unpublished]:
        """Do as `update` does; nothing is stored, and nothing returned, when somebody else stored the version first."""
        changed = await session.one(
            _UPDATE,
            **columns([event]),
            **history.parameters(entries),
            b_order_id=order.order_id,
            b_version=order.version,
            b_status=str(order.status),
            b_payment_id=order.payment_id,
            b_payment_version=order.payment_version,
            b_update_time=order.update_time,
            b_expire_time=order.expire_time,
            b_refunded_minor=order.refunded,
            b_refunded_version=order.refunded_version,
            b_captured_minor=order.captured,
        )
        return handed([event], [changed]) if changed else []

    async def lock_expired(self, session: Session, limit: int) -> list[Order]:
        """Return orders that were not paid in time, by the database's clock, and hold their rows.

        What another replica holds is passed over.
        """
        return [order_of(row) for row in await session.all(_EXPIRED, limit=limit)]

    async def note(self, session: Session, order: Order) -> None:
        """Store which version of its payment an order has applied, which is no change of the order."""
        await session.run(
            _NOTE,
            b_order_id=order.order_id,
            b_payment_version=order.payment_version,
            b_refunded_minor=order.refunded,
            b_refunded_version=order.refunded_version,
            b_captured_minor=order.captured,
        )

    async def page(self, session: Session, listing: Listing, *, after: UUID | None, limit: int) -> list[Order]:
        """Return the orders of a listing, from the one after `after`."""
        return [order_of(row) for row in await PAGES.read(session, listing, after, limit)]
