"""What happened to an order and all that belongs to it, written in the transaction in which it happened.

Each service keeps its own part; the payment service puts them together into the order's timeline.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import sqlalchemy as sa

from mesh import context
from mesh.storage.arrays import rows_from_arrays
from mesh.storage.database import Session, statement
from mesh.storage.rows import columns_of
from mesh.storage.schema import history


class _Row(NamedTuple):
    order_id: UUID
    resource: str
    resource_id: str
    version: int
    status: str
    time: datetime
    detail: str
    actor: str
    cause: str
    trace_id: str


_COLUMNS = [column for column in history.columns if column.name != "seq"]
_ORIGIN = ("actor", "cause", "trace_id")
_rows = rows_from_arrays("entry", _COLUMNS, prefix="entry_", alone=True)
_OF_ORDER = statement(
    sa.select(*columns_of(history, _Row))
    .where(history.c.order_id == sa.bindparam("order_id", type_=sa.UUID))
    .order_by(history.c.seq)
    .offset(sa.bindparam("skipped", type_=sa.Integer))
    .limit(sa.bindparam("most", type_=sa.Integer)),
    _Row,
)


@dataclass(frozen=True, slots=True)
class Origin:
    """Who caused something (`merchant`, `provider` or `gateway`), by what, and under which trace."""

    actor: str
    cause: str
    trace_id: str


@dataclass(frozen=True, slots=True)
class Change:
    """Something that happened. `version` is 0 for what has no versions of its own."""

    order_id: UUID
    resource: str
    resource_id: str
    version: int
    status: str
    time: datetime
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """Something that happened, and where it came from."""

    change: Change
    origin: Origin


def origin() -> Origin:
    """Return where the work of the running task comes from."""
    call = context.current()
    if call.method.startswith("webhook:"):
        return Origin("provider", call.method, call.trace_id)
    if call.method.startswith("/"):
        return Origin("merchant", call.method.rpartition("/")[2], call.trace_id)
    return Origin("gateway", call.method, call.trace_id)


def rows_to_insert(where: sa.ColumnElement[bool] | None = None) -> sa.Insert:
    """Return the insert of entries, where a condition holds; `parameters` makes its values."""
    select = sa.select(*_rows.c)
    return sa.insert(history).from_select(
        [column.name for column in _COLUMNS], select if where is None else select.where(where)
    )


def entries(changes: Iterable[Change]) -> list[Entry]:
    """Return what happened as caused by the running task."""
    source = origin()
    return [Entry(change, source) for change in changes]


def parameters(happened: Sequence[Entry]) -> dict[str, list[object]]:
    """Return the values of `rows_to_insert`."""
    return {
        f"entry_{column.name}": [getattr(one.change, column.name, None) for one in happened]
        for column in _COLUMNS
        if column.name not in _ORIGIN
    } | {f"entry_{name}": [getattr(one.origin, name) for one in happened] for name in _ORIGIN}


async def of_order(session: Session, order_id: UUID, *, skip: int = 0, most: int | None = None) -> list[Entry]:
    """Return what happened to an order, oldest first, without the first `skip` entries."""
    return [
        Entry(
            Change(row.order_id, row.resource, row.resource_id, row.version, row.status, row.time, row.detail),
            Origin(row.actor, row.cause, row.trace_id),
        )
        for row in await session.all(_OF_ORDER, order_id=order_id, skipped=skip, most=most)
    ]
