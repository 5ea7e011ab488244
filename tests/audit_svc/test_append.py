"""What is appended to the chain, on a real database: with the place in the spool that it came from, or not at all."""

from __future__ import annotations

from datetime import UTC, datetime

import psycopg
import pytest

from audit_svc.domain.entry import Entry, Row, chained
from audit_svc.spool import NOWHERE, Position
from audit_svc.storage import AuditRepository, MovedError
from mesh.storage.database import Database

FIRST, SECOND = Position(b"file", 10), Position(b"file", 20)
STORED = "SELECT (SELECT count(*) FROM entries), (SELECT seq FROM head), (SELECT max(position) FROM spools)"
ENTRY = Entry(
    *(datetime(2026, 1, 1, tzinfo=UTC), "request", "", "", "", "", "GET", "/", ""),
    *(200, 0, "", "", 1, "", "", "", "ENVOY"),
)


async def append(database: Database, begin: Position, end: Position) -> list[Row]:
    """Append an entry that stood between two places of the spool."""
    store = AuditRepository()
    async with database.transaction() as session:
        rows = chained(await store.lock_head(session), [ENTRY])
        await store.append(session, rows, "spool", begin, end)
    return rows


def stored(url: str) -> tuple[object, ...]:
    """Return how many entries there are, where the chain ends, and where the spool stands."""
    with psycopg.connect(url) as connection:
        return connection.execute(STORED.encode()).fetchone() or ()


async def test_entries_follow_each_other(database: Database, url: str) -> None:
    (one,) = await append(database, NOWHERE, FIRST)
    (other,) = await append(database, FIRST, SECOND)
    assert other.prev_hash == one.hash
    assert stored(url) == (2, 2, 20)


async def test_what_another_reader_has_taken_over_is_not_taken_over_again(database: Database, url: str) -> None:
    for begin in (FIRST, SECOND):
        # a database that was restored knows nothing of the spool
        with pytest.raises(MovedError):
            await append(database, begin, SECOND)
    assert stored(url) == (0, 0, None)
    await append(database, NOWHERE, FIRST)
    for begin in (NOWHERE, SECOND, Position(b"another file", 10)):
        with pytest.raises(MovedError):
            await append(database, begin, SECOND)
    assert stored(url) == (1, 1, 10)
