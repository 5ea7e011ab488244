"""Who listens to a channel knows of every notification that was committed before the question, by no statement."""

from __future__ import annotations

from collections.abc import AsyncIterator

import psycopg
import pytest

from mesh.storage import notifications as module
from mesh.storage.database import Database
from mesh.storage.notifications import Notifications

PIDS = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN %'"


@pytest.fixture
async def told(database: Database, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Notifications]:
    """Somebody who listens, and has read all that there was. Nothing is read without a notification."""
    monkeypatch.setattr(module, "READ_ANYWAY_SECONDS", float("inf"))
    told = database.notifications("told")
    assert await told.news(), "what was notified before is not known"
    told.was_read()
    yield told
    await told.close()


async def test_each_notification_is_news_to_the_next_question(told: Notifications, database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as other:
        for _ in range(50):
            assert not await told.news()
            other.execute("NOTIFY told")
            assert await told.news()
            told.was_read()


async def test_news_are_news_until_they_were_read(told: Notifications, database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as other:
        other.execute("NOTIFY told")
    assert await told.news()
    assert await told.news()
    told.was_read()
    assert not await told.news()


async def test_lost_connection_is_news_until_there_is_another(
    told: Notifications, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "RETRY_SECONDS", 0.0)
    with psycopg.connect(database_url, autocommit=True) as other:
        assert other.execute(f"SELECT pg_terminate_backend(pid, 30000) FROM ({PIDS}) AS l").fetchone() == (True,)
        other.execute("NOTIFY told")
        assert await told.news()
        told.was_read()
        assert await told.news(), "what was notified before it listened again is not known"
        told.was_read()
        assert not await told.news()
        other.execute("NOTIFY told")
        assert await told.news()


async def test_what_nobody_was_notified_of_is_read_in_time(
    told: Notifications, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "READ_ANYWAY_SECONDS", 0.0)
    assert await told.news()


async def test_asking_is_no_transaction(told: Notifications, database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as other:
        (pid,) = other.execute(PIDS).fetchone() or (0,)
        for _ in range(100):
            assert not await told.news()
        # its last statement, and no other since
        assert other.execute("SELECT query FROM pg_stat_activity WHERE pid = %s", [pid]).fetchone() == ("LISTEN told",)
