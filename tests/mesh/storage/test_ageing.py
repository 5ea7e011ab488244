"""What a test clock does to times, as PostgreSQL reckons it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa

from mesh.storage.ageing import earlier, sooner
from stack.stack import Ready

YEAR = timedelta(days=366)
LEASE = timedelta(seconds=60)


@pytest.fixture
def server(gateway: Ready) -> Iterator[sa.Connection]:
    url = gateway.database_urls["orders"].replace("postgresql://", "postgresql+psycopg://")
    with sa.create_engine(url, poolclass=sa.pool.NullPool).connect() as connection:
        yield connection


def test_time_never_falls_out_of_what_can_be_read(server: sa.Connection) -> None:
    """Advanced two thousand times by a year, a time before year 1 would end every statement that reads the row."""
    now = moment = _now(server)
    for _ in range(3):
        moment = server.execute(sa.select(earlier(_time(moment), sa.literal(YEAR, sa.Interval)))).scalar_one()
        assert now - 2 * YEAR < moment < now
    old = now - 3 * YEAR
    assert server.scalar(sa.select(earlier(_time(old), sa.literal(YEAR, sa.Interval)))) == old


@pytest.mark.parametrize(("ahead", "is_moved"), [(30, False), (65, False), (3600, True)])
def test_what_may_be_in_somebodys_hands_stays(ahead: int, is_moved: bool, server: sa.Connection) -> None:
    due = _now(server) + timedelta(seconds=ahead)
    lease, by = sa.literal(LEASE, sa.Interval), sa.literal(YEAR, sa.Interval)
    moved = server.scalar(sa.select(sooner(_time(due), by, lease)))
    assert (moved != due) == is_moved


def _now(server: sa.Connection) -> datetime:
    return server.execute(sa.select(sa.func.now())).scalar_one()


def _time(value: datetime) -> sa.ColumnElement[datetime]:
    return sa.literal(value, sa.DateTime(timezone=True))
