"""Rows beside each other: what a statement does to one, it must not do to those before and after it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from tests.support.databases.simulated import Store

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
MOMENT = timedelta(microseconds=1)
ids = BEFORE, MINE, AFTER = UUID(int=0x10), UUID(int=0x20), UUID(int=0x30)
"""Of three rows the one that is meant is between the others, whichever way somebody looks for more than it."""
NAMES = dict(zip(ids, "amz", strict=True))
"""The same for what is looked for by its name."""


def rows_by_id(store: Store, table: str, key: str) -> dict[UUID, Any]:
    """Return the rows of a table as they are."""
    return {getattr(row, key): row for row in store.rows(f"SELECT * FROM {table}")}


class Watch:
    """What of a table's rows changes while the block runs."""

    def __init__(self, store: Store, table: str, key: str) -> None:
        self._store, self._table, self._key = store, table, key
        self.changed: set[UUID] = set()

    def __enter__(self) -> Watch:
        self._before = rows_by_id(self._store, self._table, self._key)
        return self

    def __exit__(self, *_: object) -> None:
        now = rows_by_id(self._store, self._table, self._key)
        self.changed = {one for one in {*self._before, *now} if self._before.get(one) != now.get(one)}
