"""Every statement about idempotency keys means one record, in its state and of its time, and no other."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from fusionx.order.v1 import order_pb2

from mesh.errors import ApiError
from mesh.storage import idempotency
from mesh.storage.database import Database, Session, statement
from mesh.storage.idempotency import Claim, Record
from tests.support.databases.simulated import Store
from tests.support.rows import AFTER, BEFORE, MINE, MOMENT, NOW

LEASE = timedelta(seconds=10)
DAY = timedelta(days=1)
MADE = order_pb2.Order(order_id="7")
CLAIM = Claim(MINE, "/m", "m", b"f", lambda _: MADE)
NEIGHBOURS = [
    replace(CLAIM, **{name: value})  # type: ignore[arg-type]
    for name, values in {"merchant_id": (BEFORE, AFTER), "method": ("/a", "/z"), "key": ("a", "z")}.items()
    for value in values
]
_RENEW = statement(idempotency.renew_claim())


async def renewed(session: Session, claim: Claim, resource_id: Any) -> int:
    return await session.run(_RENEW, **idempotency.claim_parameters(claim, resource_id, lease=2 * LEASE))


OF_RESOURCE: dict[str, Callable[[Session, Claim, Any], Awaitable[object]]] = {
    "answer": lambda s, claim, resource: idempotency.answer(s, claim, resource, "made"),
    "hand over": idempotency.hand_over,
    "release": idempotency.release,
    "renew": renewed,
}
WORK = OF_RESOURCE | {"take over": lambda s, claim, _: idempotency.take_over(s, claim, 2 * LEASE)}


def records(store: Store) -> dict[tuple[Any, ...], Any]:
    return {(row.merchant_id, row.method, row.key): row for row in store.rows("SELECT * FROM idempotency_keys")}


@pytest.mark.parametrize("name", WORK)
async def test_what_is_done_under_a_key_touches_no_neighbour(database: Database, store: Store, name: str) -> None:
    async with database.session() as session:
        for one in (CLAIM, *NEIGHBOURS):
            assert await idempotency.begin(session, one, MINE, LEASE)
        store.set_clock(NOW + LEASE + MOMENT)
        before = records(store)
        await WORK[name](session, CLAIM, MINE)
    after = records(store)
    assert {key for key in before if before[key] != after.get(key)} == {(MINE, "/m", "m")}


@pytest.mark.parametrize("name", OF_RESOURCE)
@pytest.mark.parametrize("other", [BEFORE, AFTER])
async def test_record_of_another_resource_is_somebody_elses(
    database: Database, store: Store, name: str, other: Any
) -> None:
    async with database.session() as session:
        await idempotency.begin(session, CLAIM, MINE, LEASE)
        before = records(store)
        await OF_RESOURCE[name](session, CLAIM, other)
    assert records(store) == before


@pytest.mark.parametrize("name", OF_RESOURCE)
async def test_answer_stays_what_it_is(database: Database, store: Store, name: str) -> None:
    async with database.session() as session:
        await idempotency.store(session, CLAIM, MINE, b"first")
        before = records(store)
        await OF_RESOURCE[name](session, CLAIM, MINE)
    assert records(store) == before


async def test_key_is_found_alone_and_begun_once(database: Database) -> None:
    async with database.session() as session:
        for one in NEIGHBOURS:
            await idempotency.begin(session, one, AFTER, LEASE)
        assert await idempotency.find(session, CLAIM) is None
        assert await idempotency.begin(session, CLAIM, MINE, LEASE)
        assert not await idempotency.begin(session, CLAIM, AFTER, LEASE)
        assert await idempotency.find(session, CLAIM) == Record(MINE, b"f", None, NOW + LEASE)
        await renewed(session, CLAIM, MINE)
        assert await idempotency.find(session, CLAIM) == Record(MINE, b"f", None, NOW + 2 * LEASE)
        await idempotency.hand_over(session, CLAIM, MINE)
        handed = await idempotency.find(session, CLAIM)
        assert handed
        assert handed.lease_time == NOW - timedelta(milliseconds=1)
        await idempotency.take_over(session, CLAIM, 3 * LEASE)
        assert await idempotency.find(session, CLAIM) == Record(MINE, b"f", None, NOW + 3 * LEASE)
        await idempotency.answer(session, CLAIM, MINE, "made")
        assert await idempotency.find(session, CLAIM) == Record(MINE, b"f", MADE.SerializeToString(), None)


@pytest.mark.parametrize(("late", "is_taken"), [(timedelta(0), False), (MOMENT, True)])
async def test_first_run_may_be_alive_until_its_lease_is_over(
    database: Database, store: Store, late: timedelta, is_taken: bool
) -> None:
    async with database.session() as session:
        await idempotency.begin(session, CLAIM, MINE, LEASE)
        store.set_clock(NOW + LEASE + late)
        if is_taken:
            await idempotency.take_over(session, CLAIM, LEASE)
        else:
            with pytest.raises(ApiError):
                await idempotency.take_over(session, CLAIM, LEASE)


@pytest.mark.parametrize(("age", "is_gone"), [(DAY, False), (DAY + MOMENT, True)])
async def test_records_are_forgotten_after_a_day(
    database: Database, store: Store, age: timedelta, is_gone: bool
) -> None:
    async with database.session() as session:
        await idempotency.store(session, CLAIM, MINE, b"first")
    store.set_clock(NOW + age)
    # it has deleted less than there may be: nobody looks again at once
    assert await idempotency.janitor(database)._step() is False
    assert bool(records(store)) is not is_gone


@pytest.mark.parametrize(("age", "is_gone"), [(LEASE, False), (DAY, False), (DAY + MOMENT, True)])
async def test_test_clock_makes_a_merchants_answers_older(
    database: Database, store: Store, age: timedelta, is_gone: bool
) -> None:
    """What is under way has no answer yet, and stays."""
    running = replace(CLAIM, key="running")
    async with database.session() as session:
        for one in (CLAIM, *NEIGHBOURS):
            await idempotency.store(session, one, MINE, b"first")
        await idempotency.begin(session, running, MINE, LEASE)
        before = records(store)
        await idempotency.age(session, MINE, age)
    after = records(store)
    mine = {key for key in before if key[0] == MINE and key[2] != "running"}
    assert {key for key in before if before[key] != after.get(key)} == mine
    assert (mine.isdisjoint(after)) is is_gone
    if not is_gone:
        assert {after[key].create_time for key in mine} == {NOW - age}
