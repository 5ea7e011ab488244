"""A page of events of some types costs the same however many others there are."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import LiteralString

import psycopg
import pytest

from mesh.storage.database import Database
from mesh.storage.listing import id_at
from notify_svc.domain.event import PublicEvent
from notify_svc.storage import events
from notify_svc.storage.events import EventFilter, EventRepository
from notify_svc.tables import metadata
from stack.stack import Ready
from tests.support.databases.lent import lent_database
from tests.support.databases.plans import rows_read

PAGE = 20
DAY = timedelta(days=1)
WHOLE = {"low": uuid.UUID(int=0), "high": uuid.UUID(int=2**128 - 1)}
"""All ids."""
FILL = """
INSERT INTO events (event_id, merchant_id, type, aggregate_id, aggregate_version, order_id, payload, trace_id,
  create_time) SELECT gen_random_uuid(), %(merchant_id)s, CASE WHEN n %% 1000 = 0 THEN 'dispute.created'
  WHEN n %% 2 = 0 THEN 'order.created' ELSE 'payment.succeeded' END, gen_random_uuid(), 1, '', '', '', now()
  FROM generate_series(1, 20000) AS n"""


@contextmanager
def log_of(gateway: Ready, name: str, fill: LiteralString) -> Iterator[tuple[psycopg.Connection, uuid.UUID]]:
    """A merchant's log as it is filled, and who may look at it: nobody writes to it."""
    merchant_id = uuid.uuid4()
    with (
        lent_database(gateway, name, metadata) as url,
        psycopg.connect(url, autocommit=True) as connection,
    ):
        connection.execute(fill, {"merchant_id": merchant_id})
        connection.execute("VACUUM ANALYZE events")
        yield connection, merchant_id


@pytest.fixture(scope="module")
def filled(gateway: Ready) -> Iterator[tuple[psycopg.Connection, uuid.UUID]]:
    """A log in which a type is rare."""
    with log_of(gateway, "event_pages", FILL) as log:
        yield log


ALIKE = """
INSERT INTO events (event_id, merchant_id, type, aggregate_id, aggregate_version, order_id, payload, trace_id,
  create_time) SELECT gen_random_uuid(), %(merchant_id)s, 'order.created', gen_random_uuid(), 1, '',
  convert_to(repeat('x', 500), 'UTF8'), '', now() FROM generate_series(1, 20000)"""


@pytest.fixture(scope="module")
def alike(gateway: Ready) -> Iterator[tuple[psycopg.Connection, uuid.UUID]]:
    """A log in which all events are of one type, as of a merchant whose orders nobody pays."""
    with log_of(gateway, "event_pages_alike", ALIKE) as log:
        yield log


@pytest.mark.parametrize("oldest_first", [False, True])
def test_a_page_of_other_types_reads_nothing_of_the_one_that_all_are_of(
    oldest_first: bool, alike: tuple[psycopg.Connection, uuid.UUID]
) -> None:
    """`type=*` read all events once for each other type: beside 300,000 for longer than anybody waits."""
    connection, merchant_id = alike
    query = events._page_of_types(frozenset(), oldest_first)
    given = {"merchant_id": merchant_id, "types": ["order.created", "order.failed", "refund.failed"], "limit": PAGE}
    assert rows_read(connection, query, given | WHOLE) <= PAGE + 1


@pytest.mark.parametrize(
    "types",
    [["dispute.created"], ["refund.failed"], ["order.created"], ["order.created", "dispute.created", "refund.failed"]],
)
@pytest.mark.parametrize("oldest_first", [False, True])
def test_a_page_reads_no_more_than_a_page_of_each_type(
    types: list[str], oldest_first: bool, filled: tuple[psycopg.Connection, uuid.UUID]
) -> None:
    connection, merchant_id = filled
    query = events._page_of_types(frozenset(), oldest_first)
    given = {"merchant_id": merchant_id, "types": types, "limit": PAGE}
    assert rows_read(connection, query, given | WHOLE) <= PAGE * len(types)


def test_pages_of_several_types_are_in_one_order(filled: tuple[psycopg.Connection, uuid.UUID]) -> None:
    connection, merchant_id = filled
    types = ["order.created", "dispute.created"]
    for oldest_first, direction in ((False, "DESC"), (True, "ASC")):
        query = events._page_of_types(frozenset(), oldest_first)
        given = {"merchant_id": merchant_id, "types": types, "limit": PAGE, **query.constants, **WHOLE}
        found = [row[0] for row in connection.execute(query.text, given)]
        by_hand = "SELECT event_id FROM events WHERE merchant_id = %s AND type = ANY(%s) ORDER BY event_id"
        plain = connection.execute(f"{by_hand} {direction} LIMIT {PAGE}".encode(), [merchant_id, types]).fetchall()
        assert found == [event_id for (event_id,) in plain]


@pytest.mark.parametrize(
    ("span", "found"),
    [
        ((None, None), [0, 1, 2, 3]),
        ((1, None), [1, 2, 3]),
        ((None, 2), [0, 1]),
        ((1, 3), [1, 2]),
        ((4, None), []),
    ],
)
@pytest.mark.parametrize("types", [None, ["order.created"]])
async def test_a_span_includes_its_start_and_not_its_end(
    notify_url: str, span: tuple[int | None, int | None], found: list[int], types: list[str] | None
) -> None:
    merchant_id, noon = uuid.uuid4(), datetime(2026, 11, 1, 12, tzinfo=UTC)
    times = [noon + number * DAY for number in range(5)]
    told = [
        PublicEvent(
            event_id=uuid.UUID(int=id_at(time).int + 1), merchant_id=merchant_id, type="order.created",
            aggregate_id=uuid.uuid4(), aggregate_version=1, order_id="", payload=b"{}", trace_id="", create_time=time,
        )
        for time in times[:4]
    ]  # fmt: skip
    start, end = (None if one is None else times[one] for one in span)
    wanted = EventFilter(types=types, create_time=(start, end), oldest_first=True)
    database = Database(notify_url, 1)
    await database.open()
    try:
        async with database.transaction() as session:
            await EventRepository().add(session, told)
        async with database.session() as session:
            page = await EventRepository().page(session, merchant_id, wanted, None, PAGE)
            rest = await EventRepository().page(session, merchant_id, wanted, told[1].event_id, PAGE)
    finally:
        await database.close()
    assert [times.index(event.create_time) for event in page] == found
    assert [times.index(event.create_time) for event in rest] == [number for number in found if number > 1]
