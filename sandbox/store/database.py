"""One sqlite file, one connection, one transaction per request.

Handlers never await while a transaction is open, so the event loop serialises them: what a
request wrote is either all there or not at all, also after ``kill -9``. WAL with
``synchronous=NORMAL`` survives the death of the process; only a power cut could lose a commit.
"""

import json
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

Parameters = Sequence[Any] | Mapping[str, Any]


class Database:
    """A thin wrapper that adds transactions with after-commit listeners to sqlite3."""

    def __init__(self, path: str) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None)
        self._connection.row_factory = sqlite3.Row
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = NORMAL")
        self._listeners: list[Callable[[], None]] = []

    def create(self, schema: str) -> None:
        """Create tables that are not there yet."""
        self._connection.executescript(schema)

    def on_commit(self, listener: Callable[[], None]) -> None:
        """Call `listener` after every commit: timers and the webhook sender wake up this way."""
        self._listeners.append(listener)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit everything inside the block, or nothing."""
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")
        for listener in self._listeners:
            listener()

    def execute(self, sql: str, parameters: Parameters = ()) -> int:
        """Run a statement that returns no rows; answers the last inserted row id."""
        return self._connection.execute(sql, parameters).lastrowid or 0

    def rows(self, sql: str, parameters: Parameters = ()) -> list[sqlite3.Row]:
        """All rows of a query."""
        return self._connection.execute(sql, parameters).fetchall()

    def row(self, sql: str, parameters: Parameters = ()) -> sqlite3.Row | None:
        """The first row of a query, if any."""
        found: sqlite3.Row | None = self._connection.execute(sql, parameters).fetchone()
        return found

    def close(self) -> None:
        """Close the file; the WAL is folded in."""
        self._connection.close()


def dumps(value: object) -> str:
    """Compact JSON for a text column."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
