"""Where a day begins and ends in the audit is found by reading little, however many entries there are."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import psycopg
import pytest
import sqlalchemy as sa

from audit_svc.storage import AuditRepository
from mesh.storage.database import Database, statement

ENTRIES = 200_000
"""One a minute, from `BEGIN` on, but for a gap of half a year in the middle."""
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
GAP = timedelta(days=180)
MIDDLE = BEGIN + timedelta(minutes=ENTRIES // 2)
END = BEGIN + timedelta(minutes=ENTRIES) + GAP
MOST_READ = 30_000
"""Of so many: an hour of them, twice, and the parts of the index by time, of 12,000 such small ones each, around it."""
FILL = """
INSERT INTO entries SELECT n, %s + n * interval '1 minute' + CASE WHEN n > %s THEN %s ELSE interval '0' END,
    '', '', '', '', '', 'GET', '/', '', 200, 0, '', '', 1, '', '', '', '', '', '' FROM generate_series(1, %s) n
"""
_READ = statement(
    sa.select(sa.literal_column("seq_tup_read + coalesce(idx_tup_fetch, 0)", sa.BigInteger).label("read"))
    .select_from(sa.table("pg_stat_xact_user_tables"))
    .where(sa.literal_column("relname") == sa.literal_column("'entries'")),
    int,
)


@pytest.fixture
def filled(url: str) -> None:
    """Have many entries."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(FILL, [BEGIN, ENTRIES // 2, GAP, ENTRIES])
        connection.execute("VACUUM ANALYZE entries")


@pytest.mark.usefixtures("filled")
@pytest.mark.parametrize(
    ("time", "last", "first"),
    [
        (datetime(2020, 1, 1, tzinfo=UTC), None, 1),
        (BEGIN + timedelta(minutes=1000, seconds=1), 1000, 1001),
        (MIDDLE + timedelta(days=90), ENTRIES // 2, ENTRIES // 2 + 1),
        (END - timedelta(minutes=1), ENTRIES - 2, ENTRIES - 1),
        (datetime(2030, 1, 1, tzinfo=UTC), ENTRIES, None),
        (datetime.max.replace(tzinfo=UTC), ENTRIES, None),
        (datetime.min.replace(tzinfo=UTC), None, 1),
    ],
    ids=str,
)
async def test_the_entries_beside_a_moment_are_found(
    time: datetime, last: int | None, first: int | None, database: Database
) -> None:
    store = AuditRepository()
    async with database.transaction() as session:
        before = await session.one(_READ) or 0
        assert await store.last_until(session, time) == last
        assert await store.first_from(session, time) == first
        # where there is nothing for a month, all that is older or newer is looked at
        in_gap = abs(time - MIDDLE) > timedelta(days=31) and MIDDLE < time < MIDDLE + GAP
        assert in_gap or (await session.one(_READ) or 0) - before <= MOST_READ
