"""What a test clock does to rows: what they wait for comes up sooner, and nothing that somebody works on is touched."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from mesh.storage.schema import NOW

MOST = 5_000
"""How many rows of a kind are moved on at once, the newest: the statement has to end in time, whoever asks."""


def sooner(
    due: sa.ColumnElement[Any], by: sa.ColumnElement[Any], lease: sa.ColumnElement[Any]
) -> sa.ColumnElement[Any]:
    """Return the time when something is due, so much sooner, and never before the present.

    A claim moves that time on by its lease: what is due within the lease may be in somebody's hands, and comes up soon.
    """
    return sa.case((due > NOW + lease, sa.func.greatest(due - by, NOW)), else_=due)
