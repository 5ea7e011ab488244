"""What is remembered of nonces, and for how long."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import timedelta

import psycopg
import pytest

from edge.storage import nonces
from edge.storage.nonces import BATCH, RETENTION, Nonces
from edge.tables import metadata
from mesh.ids import utc_now
from mesh.storage.database import Database
from stack.stack import Ready
from tests.support.databases.lent import lent_database
from tests.support.databases.plans import rows_read

KEY = uuid.uuid4()
FILL = """
INSERT INTO signature_nonces (api_key_id, nonce, create_time)
SELECT %s, %s || '-' || n, now() - %s FROM generate_series(1, %s) n"""
OLD, YOUNG = RETENTION + timedelta(minutes=5), RETENTION - timedelta(minutes=5)


@pytest.fixture
def url(gateway: Ready) -> Iterator[str]:
    """A database in which two and a half batches are old, and twenty thousand are young."""
    with lent_database(gateway, "nonces", metadata) as url, psycopg.connect(url, autocommit=True) as connection:
        connection.execute(FILL, [KEY, "young", YOUNG, 20_000])
        connection.execute(FILL, [KEY, "old", OLD, 2 * BATCH + BATCH // 2])
        connection.execute("VACUUM ANALYZE signature_nonces")
        yield url


async def test_old_nonces_are_deleted_in_parts_and_young_ones_stay(url: str) -> None:
    """All of a missed hour by one statement took longer than it is waited for, each time anew."""
    left = "SELECT count(*) FILTER (WHERE nonce LIKE 'old%'), count(*) FILTER (WHERE nonce LIKE 'young%')"
    database = Database(url, 1)
    await database.open()
    try:
        kept = Nonces(database)
        with psycopg.connect(url, autocommit=True) as connection:
            for old, goes_on in ((BATCH + BATCH // 2, True), (BATCH // 2, True), (0, False), (0, False)):
                assert await kept._purge() is goes_on
                assert connection.execute(f"{left} FROM signature_nonces").fetchone() == (old, 20_000)
        assert not await kept.use(KEY, "young-1")
        assert await kept.use(KEY, "old-1")
    finally:
        await database.close()


def test_a_part_reads_what_it_deletes(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        given = {"before": utc_now() - RETENTION}
        assert rows_read(connection, nonces._PURGE, given) <= 4 * BATCH
        connection.execute("DELETE FROM signature_nonces WHERE nonce LIKE 'old%'")
        assert rows_read(connection, nonces._PURGE, given) <= BATCH
