"""Every SQL statement about what was said to providers and by them."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from mesh.storage.arrays import rows_from_arrays
from mesh.storage.database import Session, statement
from mesh.storage.retention import deletion
from mesh.storage.rows import columns_of
from mesh.storage.schema import history
from payment_svc.domain.payment import Payment
from payment_svc.domain.provider_call import ProviderCall, Webhook
from payment_svc.tables import payments, provider_calls, provider_events


class CallRow(NamedTuple):
    """A call as it is stored."""

    call_id: UUID
    payment_id: UUID
    time: datetime
    provider: str
    operation: str
    method: str
    path: str
    status: int
    duration_us: int
    request_id: str
    idempotency_key: str
    error: str
    trace_id: str
    bodies: bytes


_COLUMNS = [provider_calls.c[name] for name in CallRow._fields]
_BETWEEN = "\n"
"""Of request and answer: within JSON there is none."""
_new = rows_from_arrays("new_call", _COLUMNS, prefix="p_", alone=True)
_ADD = statement(
    pg.insert(provider_calls)
    .from_select([column.name for column in _COLUMNS], sa.select(*(_new.c[column.name] for column in _COLUMNS)))
    # written, and nobody heard of it: it is written again
    .on_conflict_do_nothing()
)
_most = sa.bindparam("most", type_=sa.Integer)
_NEWEST = statement(
    sa.select(*columns_of(provider_calls, CallRow))
    .where(provider_calls.c.payment_id == sa.bindparam("payment_id", type_=sa.UUID))
    .order_by(provider_calls.c.call_id.desc())
    .limit(_most),
    CallRow,
)
# by whole keys: the accounts that the payment was tried with are few
_account = (
    sa.func.unnest(
        sa.bindparam("providers", type_=pg.ARRAY(sa.Text)), sa.bindparam("accounts", type_=pg.ARRAY(sa.Text))
    )
    .table_valued(sa.column("provider", sa.Text), sa.column("account", sa.Text), name="tried")
    .render_derived()
)
_told = (
    sa.select(history.c.resource_id)
    .where(history.c.order_id == sa.bindparam("order_id", type_=sa.UUID), history.c.resource == "webhook")
    .distinct()
    .subquery("told")
)
_WEBHOOKS = statement(
    sa.select(*columns_of(provider_events, Webhook))
    .join_from(_told, _account, sa.true())
    .join(
        provider_events,
        sa.and_(
            provider_events.c.provider == _account.c.provider,
            provider_events.c.account == _account.c.account,
            provider_events.c.event_id == _told.c.resource_id,
        ),
    )
    .order_by(provider_events.c.receive_time.desc())
    .limit(_most),
    Webhook,
)
_IDS_OF_ORDER = statement(
    sa.select(payments.c.payment_id).where(payments.c.order_id == sa.bindparam("order_id", type_=sa.UUID)), UUID
)

DELETE_OLD = deletion(provider_calls, provider_calls.c.call_id, provider_calls.c.time)
"""Deletes the oldest calls; its parameter is `period`."""


def _row(call: ProviderCall) -> CallRow:
    plain = {name: getattr(call, name) for name in CallRow._fields if name != "bodies"}
    return CallRow(**plain, bodies=zlib.compress(f"{call.request}{_BETWEEN}{call.answer}".encode()))


def _call(row: CallRow) -> ProviderCall:
    request, _, answer = zlib.decompress(row.bodies).decode().partition(_BETWEEN)
    return ProviderCall(**{name: value for name, value in row._asdict().items() if name != "bodies"},
                        request=request, answer=answer)  # fmt: skip


class ProviderCallRepository:
    """Calls to providers in PostgreSQL. Methods run in the session that they are given."""

    async def add(self, session: Session, calls: Sequence[ProviderCall]) -> None:
        """Write calls down, in one statement; those that are here already stay."""
        rows = [_row(call) for call in calls]
        await session.run(_ADD, **{f"p_{name}": [getattr(row, name) for row in rows] for name in CallRow._fields})

    async def newest(self, session: Session, payment_id: UUID, most: int) -> list[ProviderCall]:
        """Return the newest calls about a payment, newest first."""
        return [_call(row) for row in await session.all(_NEWEST, payment_id=payment_id, most=most)]

    async def webhooks(self, session: Session, payment: Payment, most: int) -> list[Webhook]:
        """Return the newest webhooks that came for a payment's order, to the accounts that it was tried with."""
        tried = {(one.provider, str(one.account_id) if one.account_id else "") for one in payment.attempts}
        return await session.all(
            _WEBHOOKS,
            order_id=payment.order_id,
            providers=[provider for provider, _ in tried],
            accounts=[account for _, account in tried],
            most=most,
        )

    async def others(self, session: Session, payment: Payment) -> list[UUID]:
        """Return the other payments of a payment's order."""
        found = await session.all(_IDS_OF_ORDER, order_id=payment.order_id)
        return [one for one in found if one != payment.payment_id]
