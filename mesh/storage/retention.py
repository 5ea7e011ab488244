"""Deletion of what is kept for a published time: oldest first, in parts, at a cost that does not grow with the table.

A statement looks at the oldest rows only, as many as it may delete: a condition on the time alone would read a million
young rows to find that there is no old one.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from mesh.storage.database import Database, Statement, statement
from mesh.storage.schema import NOW, dead_letters
from mesh.worker import Worker

BATCH = 1000
INTERVAL_SECONDS = 300.0
DEAD_LETTERS = timedelta(days=90)
"""How long a dead letter is kept that an operator has closed."""
PERIOD = sa.bindparam("period", type_=sa.Interval)


def oldest(
    table: sa.Table,
    order: sa.Column[Any],
    time: sa.Column[Any],
    *stays: sa.ColumnElement[bool],
    batch: int = BATCH,
) -> sa.ColumnElement[Any]:
    """Return where the oldest rows of a table are whose `time` is longer ago than `PERIOD`: an array of row addresses.

    `order` has an index, and grows with the time; rows for which something of `stays` holds are passed over: few. An
    array, as the planner would rather read a whole table than look up a thousand rows of a query.
    """
    head = (
        sa.select(_place(table), time.label("since"))
        .where(*(~one for one in stays))
        .order_by(order)
        .limit(batch)
        .subquery("head")
    )
    return sa.func.array(sa.select(head.c.place).where(head.c.since < NOW - PERIOD).scalar_subquery())


def _place(table: sa.Table) -> sa.ColumnElement[Any]:
    return sa.literal_column(f"{table.name}.ctid").label("place")


def deletion(
    table: sa.Table, order: sa.Column[Any], time: sa.Column[Any], *stays: sa.ColumnElement[bool]
) -> Statement[None]:
    """Return the statement that deletes the oldest rows of a table, at most `BATCH`; its parameter is `period`."""
    place: sa.ColumnElement[Any] = sa.literal_column(f"{table.name}.ctid")
    # the conditions once more: one that somebody changes meanwhile is looked at anew
    again = (time < NOW - PERIOD, *(~one for one in stays))
    return statement(sa.delete(table).where(place == sa.func.any(oldest(table, order, time, *stays)), *again))


def janitor(name: str, database: Database, delete: Statement[None], period: timedelta, batch: int = BATCH) -> Worker:
    """Return the loop that deletes what is older than the period, by the database's clock; no period: nothing."""

    async def purge() -> bool:
        if not period:
            return False
        async with database.session() as session:
            return await session.run(delete, period=period) == batch

    return Worker(name, purge, interval=INTERVAL_SECONDS)


# their ids grow with time; what is open waits for a person
_DEAD_LETTERS = deletion(
    dead_letters, dead_letters.c.dead_letter_id, dead_letters.c.create_time, dead_letters.c.state == "OPEN"
)


def of_dead_letters(database: Database) -> Worker:
    """Return the loop that deletes dead letters that were closed."""
    return janitor("dead-letter-janitor", database, _DEAD_LETTERS, DEAD_LETTERS)
