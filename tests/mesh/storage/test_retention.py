"""What is kept for a time goes after it, and looking for it costs the same however much there is."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import psycopg
import pytest

from mesh.events import outbox
from mesh.storage import retention
from mesh.storage.database import Database
from tests.support.databases.clocks import move_clock
from tests.support.databases.plans import rows_read
from tests.support.waiting import come_true

Admin = psycopg.Connection[tuple[Any, ...]]
PERIOD = timedelta(days=7)
OUTBOX = """
INSERT INTO outbox (event_id, aggregate_id, subject, payload, create_time, publish_time, stream_seq)
SELECT gen_random_uuid(), gen_random_uuid(), 's', '', now(), now(), n FROM generate_series(1, %s) n"""


@pytest.fixture
def admin(database_url: str) -> Any:
    with psycopg.connect(database_url, autocommit=True) as admin:
        yield admin


def test_looking_for_old_events_costs_the_same_however_many_young_ones_there_are(admin: Admin) -> None:
    admin.execute(OUTBOX, [2_000])
    admin.execute("ANALYZE outbox")
    few = rows_read(admin, outbox.PURGE, {"period": PERIOD})
    admin.execute(OUTBOX, [60_000])
    admin.execute("ANALYZE outbox")
    many = rows_read(admin, outbox.PURGE, {"period": PERIOD})
    assert many <= 1.2 * few
    move_clock(admin, PERIOD + timedelta(seconds=1))
    assert rows_read(admin, outbox.PURGE, {"period": PERIOD}) <= 5 * retention.BATCH


async def test_dead_letters_go_ninety_days_after_they_came_unless_they_are_open(
    admin: Admin, database: Database
) -> None:
    for number, state in enumerate(("OPEN", "REPLAYED", "DROPPED")):
        admin.execute(
            "INSERT INTO dead_letters (dead_letter_id, consumer, event_id, subject, payload, reason, deliveries, state)"
            " VALUES (gen_random_uuid(), 'c', %s, 's', '', '', 1, %s)",
            [str(number), state],
        )

    def left() -> list[str]:
        return [str(row[0]) for row in admin.execute("SELECT state FROM dead_letters ORDER BY state").fetchall()]

    async def purge() -> None:
        async with database.session() as session:
            await session.run(retention._DEAD_LETTERS, period=retention.DEAD_LETTERS)

    move_clock(admin, retention.DEAD_LETTERS - timedelta(seconds=5))
    await purge()
    assert len(left()) == 3
    move_clock(admin, retention.DEAD_LETTERS + timedelta(seconds=5))
    worker = retention.of_dead_letters(database)
    worker.start()
    await come_true(lambda: left() == ["OPEN"], "the closed ones gone")
    await worker.stop()
