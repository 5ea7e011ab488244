"""What a test clock does to rows: what they wait for comes up sooner, and nothing that somebody works on is touched."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from mesh.storage.schema import NOW

MOST = 5_000
"""How many rows of a kind are moved on at once, the newest: the statement has to end in time, whoever asks."""


BACK = sa.text("INTERVAL '366 days'")
"""How far before the present what is over is moved at the most, however often a clock is advanced."""
_MEANWHILE = sa.literal(timedelta(seconds=10), sa.Interval)
"""A claim made while the statement runs has its time by a later clock than the statement's."""


def earlier(time: sa.ColumnElement[Any], by: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    """Return a time so much earlier, by `BACK` before the present at the most: a time before year 1 cannot be read."""
    return sa.case((time > NOW - BACK, sa.func.greatest(time - by, NOW - BACK)), else_=time)


def sooner(
    due: sa.ColumnElement[Any], by: sa.ColumnElement[Any], lease: sa.ColumnElement[Any]
) -> sa.ColumnElement[Any]:
    """Return the time when something is due, so much sooner, and never before the present.

    A claim moves that time on by its lease: what is due within the lease may be in somebody's hands, and comes up soon.
    """
    return sa.case((due > NOW + lease + _MEANWHILE, sa.func.greatest(due - by, NOW)), else_=due)
