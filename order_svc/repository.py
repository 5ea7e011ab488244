"""Every SQL statement of the order service."""

from __future__ import annotations

from functools import cache
from uuid import UUID

import sqlalchemy as sa
from psycopg.types.json import Jsonb

from mesh.database import Row, Session, Statement, parameters_for, statement
from mesh.events import OutboxEvent, columns
from mesh.idempotency import Claim, claim_parameters, insert_claim
from mesh.money import Money
from mesh.outbox import rows_to_insert
from order_svc.domain import Order, OrderStatus
from order_svc.tables import orders

_COLUMNS = [column.name for column in orders.columns]


def _insert_order(where: sa.ColumnElement[bool] | None) -> sa.Insert:
    values = sa.select(*parameters_for(orders, prefix="order_").values())
    return sa.insert(orders).from_select(_COLUMNS, values if where is None else values.where(where))


def _create(with_claim: bool) -> Statement:
    """Build the one statement, hence one round trip and one transaction, that makes an order.

    The idempotency record decides: where the key is taken it inserts nothing, and then neither do the others.
    """
    claim = insert_claim().cte("claim")
    claimed = sa.exists(sa.select(sa.literal(1)).select_from(claim)) if with_claim else None
    order = _insert_order(claimed).returning(orders.c.order_id).cte("new_order")
    event = rows_to_insert(claimed).cte("new_event")
    done = sa.select(order.c.order_id).add_cte(event)
    return statement(done.add_cte(claim) if with_claim else done)


_CREATE = _create(with_claim=False)
_CREATE_ONCE = _create(with_claim=True)
_GET = statement(
    sa.select(orders).where(
        orders.c.order_id == sa.bindparam("order_id", type_=sa.UUID),
        orders.c.merchant_id == sa.bindparam("merchant_id", type_=sa.UUID),
    )
)
_LOCK = statement(
    sa.select(orders).where(orders.c.order_id == sa.bindparam("order_id", type_=sa.UUID)).with_for_update()
)
_UPDATE = statement(
    sa.update(orders)
    .where(
        orders.c.order_id == sa.bindparam("b_order_id", type_=sa.UUID),
        orders.c.version == sa.bindparam("b_version", type_=sa.Integer) - 1,
    )
    .values(
        status=sa.bindparam("b_status", type_=sa.Text),
        payment_id=sa.bindparam("b_payment_id", type_=sa.UUID),
        version=sa.bindparam("b_version", type_=sa.Integer),
        update_time=sa.bindparam("b_update_time", type_=orders.c.update_time.type),
    )
)


@cache
def _list(by_status: bool, by_reference: bool, after: bool) -> Statement:
    """Build a list page for a combination of filters; each has an index that ends in the order id."""
    query = sa.select(orders).where(orders.c.merchant_id == sa.bindparam("merchant_id", type_=sa.UUID))
    if by_status:
        query = query.where(orders.c.status == sa.bindparam("status", type_=sa.Text))
    if by_reference:
        query = query.where(
            orders.c.merchant_order_id == sa.bindparam("reference", type_=sa.Text), orders.c.merchant_order_id != ""
        )
    if after:
        query = query.where(orders.c.order_id < sa.bindparam("after", type_=sa.UUID))
    return statement(query.order_by(orders.c.order_id.desc()).limit(sa.bindparam("limit", type_=sa.Integer)))


def _order(row: Row) -> Order:
    return Order(
        order_id=row.order_id,
        merchant_id=row.merchant_id,
        merchant_order_id=row.merchant_order_id,
        amount=Money(row.amount_minor, row.currency),
        status=OrderStatus(row.status),
        description=row.description,
        metadata=row.metadata,
        payment_id=row.payment_id,
        version=row.version,
        create_time=row.create_time,
        update_time=row.update_time,
        expire_time=row.expire_time,
    )


def _parameters(order: Order) -> dict[str, object]:
    return {
        "order_order_id": order.order_id,
        "order_merchant_id": order.merchant_id,
        "order_merchant_order_id": order.merchant_order_id,
        "order_amount_minor": order.amount.minor,
        "order_currency": order.amount.currency,
        "order_status": str(order.status),
        "order_description": order.description,
        "order_metadata": Jsonb(dict(order.metadata)),
        "order_payment_id": order.payment_id,
        "order_version": order.version,
        "order_create_time": order.create_time,
        "order_update_time": order.update_time,
        "order_expire_time": order.expire_time,
    }


class OrderRepository:
    """Orders in PostgreSQL. Methods run in the session, and so in the transaction, that they are given."""

    async def create(
        self, session: Session, order: Order, event: OutboxEvent, claim: Claim | None, response: bytes
    ) -> bool:
        """Insert order, event and idempotency record in one statement; return False when the key was taken."""
        parameters = _parameters(order) | columns([event])
        if claim is None:
            return await session.one(_CREATE, **parameters) is not None
        parameters |= claim_parameters(claim, order.order_id, order.create_time, response)
        return await session.one(_CREATE_ONCE, **parameters) is not None

    async def get(self, session: Session, merchant_id: UUID, order_id: UUID) -> Order | None:
        """Return a merchant's order."""
        row = await session.one(_GET, merchant_id=merchant_id, order_id=order_id)
        return _order(row) if row else None

    async def lock(self, session: Session, order_id: UUID) -> Order | None:
        """Return an order and hold its row until the transaction ends."""
        row = await session.one(_LOCK, order_id=order_id)
        return _order(row) if row else None

    async def update(self, session: Session, order: Order) -> None:
        """Store the order's next version. Raises RuntimeError when somebody else stored it first."""
        changed = await session.run(
            _UPDATE,
            b_order_id=order.order_id,
            b_version=order.version,
            b_status=str(order.status),
            b_payment_id=order.payment_id,
            b_update_time=order.update_time,
        )
        if changed != 1:
            raise RuntimeError(f"order {order.order_id} is no longer at version {order.version - 1}")

    async def page(
        self,
        session: Session,
        merchant_id: UUID,
        *,
        status: OrderStatus | None,
        reference: str,
        after: UUID | None,
        limit: int,
    ) -> list[Order]:
        """Return the merchant's orders that match, newest first, from the one after `after`."""
        query = _list(status is not None, bool(reference), after is not None)
        given = {"status": status and str(status), "reference": reference, "after": after}
        rows = await session.all(
            query, merchant_id=merchant_id, limit=limit, **{name: value for name, value in given.items() if value}
        )
        return [_order(row) for row in rows]
