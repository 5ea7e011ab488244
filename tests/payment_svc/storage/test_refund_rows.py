"""Every statement about refunds means one row, in its state, and no other."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from mesh.money import Money
from mesh.storage.database import Database, Session
from mesh.storage.listing import Listing
from payment_svc.domain.payment import Failure
from payment_svc.domain.reconciliation import Given
from payment_svc.domain.refund import SURPLUS, TAKEN_BACK, Refund, RefundStatus
from payment_svc.storage import restores
from payment_svc.storage.measures import MeasureRepository, Open
from payment_svc.storage.refunds import RefundRepository, Sums
from tests.support.databases.simulated import Store
from tests.support.payment_rows import payment_of, store_payments
from tests.support.rows import AFTER, BEFORE, MINE, MOMENT, NAMES, NOW, Watch, ids

S = RefundStatus
OPEN = {S.PENDING, S.NEEDS_REVIEW}
REPOSITORY = RefundRepository()
WAIT = timedelta(minutes=3)
REFUND = Refund(
    refund_id=MINE, payment_id=MINE, merchant_id=MINE, order_id=MINE, amount=Money(500, "EUR"), status=S.PENDING,
    reason="", provider_reference="", failure=None, version=2, create_time=NOW, update_time=NOW,
)  # fmt: skip


def of(key: UUID, **changes: Any) -> Refund:
    """Return the refund of a row, of a payment and a merchant of the same number."""
    return replace(REFUND, **{"refund_id": key, "payment_id": key, "merchant_id": key, "order_id": key} | changes)


async def put(session: Session, *refunds: Refund, wait: timedelta = WAIT) -> None:
    for one in refunds:
        await REPOSITORY.insert(session, one, wait)


CHANGES: dict[str, Callable[[Session], Awaitable[object]]] = {
    "update": lambda s: REPOSITORY.update(s, of(MINE, version=3, provider_reference="re_1"), WAIT),
    "schedule": lambda s: REPOSITORY.schedule(s, MINE, 2 * WAIT),
    "send": lambda s: REPOSITORY.send(s, MINE),
}


@pytest.mark.parametrize("change", CHANGES)
async def test_one_refund_is_changed(database: Database, store: Store, change: str) -> None:
    async with database.session() as session:
        await put(session, *map(of, ids))
        with Watch(store, "refunds", "refund_id") as watch:
            await CHANGES[change](session)
    assert watch.changed == {MINE}


async def test_one_refund_is_read_as_it_was_stored(database: Database) -> None:
    kept = of(
        MINE,
        failure=Failure("declined", "no"),
        status=S.FAILED,
        attempt=2,
        is_owed=True,
        sends=3,
        send_time=NOW,
        merchant_order_id="A-1",
    )
    async with database.session() as session:
        await put(session, of(BEFORE), kept, of(AFTER))
        assert await REPOSITORY.lock(session, MINE) == kept
        assert await REPOSITORY.payment_of(session, MINE) == MINE
        assert [await REPOSITORY.get(session, one, MINE) for one in ids] == [None, kept, None]
        assert await REPOSITORY.get(session, MINE, MINE) == kept
        mine = Listing({"merchant_id": MINE})
        assert await REPOSITORY.page(session, mine, after=None, limit=5) == [kept]


@pytest.mark.parametrize(
    ("owed", "reason", "is_owed"),
    [(None, SURPLUS, True), (None, "", False), (None, f"{SURPLUS}!", False), (False, SURPLUS, False)],
)
async def test_version_before_tells_what_is_owed_by_words(
    database: Database, store: Store, owed: bool | None, reason: str, is_owed: bool
) -> None:
    async with database.session() as session:
        await put(session, of(MINE, reason=reason))
        store.look.execute("UPDATE refunds SET is_owed = %s", [owed])
        found = await REPOSITORY.lock(session, MINE)
    assert found
    assert found.is_owed is is_owed


async def test_refund_is_found_by_its_name_among_those_of_its_payment(database: Database) -> None:
    async with database.session() as session:
        await put(session, *(of(one, payment_id=MINE, provider_reference=NAMES[one]) for one in ids))
        assert await REPOSITORY.find(session, MINE, NAMES[MINE]) == MINE
        for other in (BEFORE, AFTER):
            assert await REPOSITORY.find(session, other, NAMES[MINE]) is None
        await put(session, of(UUID(int=9), payment_id=MINE))
        assert await REPOSITORY.find(session, MINE, "") is None


@pytest.mark.parametrize("version", [1, 2, 4])
async def test_next_version_is_that_of_the_one_before(database: Database, store: Store, version: int) -> None:
    async with database.session() as session:
        await put(session, of(MINE))
        with Watch(store, "refunds", "refund_id") as watch, pytest.raises(RuntimeError):
            await REPOSITORY.update(session, of(MINE, version=version), WAIT)
    assert not watch.changed


@pytest.mark.parametrize("status", S)
async def test_what_is_open_is_looked_at_and_sent_again(database: Database, store: Store, status: RefundStatus) -> None:
    async with database.session() as session:
        await put(session, of(MINE, status=status))
        assert next_check(store) == (NOW + WAIT if status in OPEN else None)
        await REPOSITORY.schedule(session, MINE, 2 * WAIT)
        assert next_check(store) == (NOW + 2 * WAIT if status in OPEN else None)
        sent = await REPOSITORY.send(session, MINE)
    # a person who is asked may be about to give it back by hand
    assert sent == (of(MINE, sends=2) if status == S.PENDING else None)


async def test_what_has_a_name_is_not_sent_again(database: Database) -> None:
    async with database.session() as session:
        await put(session, of(MINE, provider_reference="re_1"))
        assert await REPOSITORY.send(session, MINE) is None


async def test_provider_knows_of_a_refund_since_the_first_try_that_may_have_reached_it(
    database: Database, store: Store
) -> None:
    async with database.session() as session:
        await put(session, of(MINE, sends=0), of(AFTER, sends=1))
        store.set_clock(NOW + WAIT)
        first = await REPOSITORY.send(session, MINE)
        assert first == of(MINE, sends=1, send_time=NOW + WAIT)
        with Watch(store, "refunds", "refund_id") as watch:
            await REPOSITORY.not_sent(session, MINE)
        assert watch.changed == {MINE}
        assert await REPOSITORY.lock(session, MINE) == of(MINE, sends=0)
        await REPOSITORY.send(session, MINE)
        store.set_clock(NOW + 2 * WAIT)
        # the second may be under way, so that the first one's end says nothing
        second = await REPOSITORY.send(session, MINE)
        await REPOSITORY.not_sent(session, MINE)
        assert second == await REPOSITORY.lock(session, MINE) == of(MINE, sends=2, send_time=NOW + WAIT)


@pytest.mark.parametrize("changes", [{"status": S.NEEDS_REVIEW}, {"status": S.SUCCESS}, {"provider_reference": "re_1"}])
async def test_what_is_known_of_a_refund_is_not_taken_back_by_a_try_that_was_not_sent(
    database: Database, changes: dict[str, Any]
) -> None:
    async with database.session() as session:
        await put(session, of(MINE, **changes))
        before = await REPOSITORY.lock(session, MINE)
        await REPOSITORY.not_sent(session, MINE)
        assert await REPOSITORY.lock(session, MINE) == before


async def test_change_says_when_to_look_next(database: Database, store: Store) -> None:
    async with database.session() as session:
        await put(session, of(MINE))
        await REPOSITORY.update(session, of(MINE, version=3, status=S.NEEDS_REVIEW), 5 * WAIT)
        assert next_check(store) == NOW + 5 * WAIT
        await REPOSITORY.update(session, of(MINE, version=4, status=S.SUCCESS), WAIT)
        assert next_check(store) is None


def next_check(store: Store) -> object:
    return store.rows("SELECT next_check_time FROM refunds")[0][0]


async def test_what_is_due_is_taken_oldest_first_and_counted(database: Database, store: Store) -> None:
    waits = {BEFORE: -WAIT, MINE: timedelta(0), AFTER: MOMENT}
    async with database.session() as session:
        for key, wait in waits.items():
            await put(session, of(key), wait=wait)
        assert [(one.refund, one.checks) for one in await REPOSITORY.claim_due(session, WAIT, 1)] == [(of(BEFORE), 1)]
        assert [(one.refund, one.checks) for one in await REPOSITORY.claim_due(session, WAIT, 9)] == [(of(MINE), 1)]
        assert await REPOSITORY.claim_due(session, WAIT, 9) == []
        store.set_clock(NOW + WAIT)
        due = await REPOSITORY.claim_due(session, WAIT, 9)
    assert {one.refund.refund_id: one.checks for one in due} == {BEFORE: 2, MINE: 2, AFTER: 1}


TAKEN = (
    of(UUID(int=1), payment_id=MINE, amount=Money(1, "EUR"), status=S.SUCCESS),
    of(UUID(int=2), payment_id=MINE, amount=Money(10, "EUR")),
    of(UUID(int=3), payment_id=MINE, amount=Money(100, "EUR"), provider_reference="re_1"),
    of(UUID(int=4), payment_id=MINE, amount=Money(1_000, "EUR"), status=S.NEEDS_REVIEW),
    of(UUID(int=5), payment_id=MINE, amount=Money(10_000, "EUR"), status=S.FAILED),
    of(UUID(int=6), payment_id=MINE, amount=Money(100_000, "EUR"), attempt=1),
    of(UUID(int=7), payment_id=MINE, amount=Money(1_000_000, "EUR"), attempt=3),
    # the provider has it, and nobody asked for it; a merchant's own may have the same reason
    of(UUID(int=8), payment_id=MINE, amount=Money(2, "EUR"), status=S.SUCCESS, sends=0, reason=f"{TAKEN_BACK}x"),
    of(UUID(int=9), payment_id=MINE, amount=Money(4, "EUR"), status=S.SUCCESS, sends=1, reason=f"{TAKEN_BACK}x"),
    of(UUID(int=10), payment_id=MINE, amount=Money(20, "EUR"), sends=0, reason=f"{TAKEN_BACK}x"),
    of(UUID(int=11), payment_id=MINE, amount=Money(200, "EUR"), status=S.SUCCESS, sends=0, reason="hm"),
)


async def test_what_was_given_back_is_added_up_by_what_may_still_become_of_it(database: Database) -> None:
    async with database.session() as session:
        await put(session, *TAKEN, *map(of, (BEFORE, AFTER)))
        assert await REPOSITORY.sums(session, MINE) == Sums(taken=1337, given=207, unnamed=1030)
        assert await REPOSITORY.sums(session, MINE, 1) == Sums(100_000, 0, 100_000)
        assert await REPOSITORY.sums(session, MINE, 2) == Sums(0, 0, 0)
        mine = {None: Given(207, 1130, 2), 1: Given(0, 100_000, 0), 3: Given(0, 1_000_000, 0)}
        assert await REPOSITORY.given(session, [MINE]) == {MINE: mine}
        both = await REPOSITORY.given(session, [BEFORE, AFTER])
    assert both == {key: {None: Given(0, 500, 0)} for key in (BEFORE, AFTER)}


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({}, True),
        ({"status": S.SUCCESS}, True),
        ({"status": S.FAILED}, False),
        ({"is_owed": True}, False),
        *(({"payment_id": other}, False) for other in (BEFORE, AFTER)),
        *(({"amount": Money(minor, "EUR")}, False) for minor in (499, 501)),
        ({"create_time": NOW - WAIT}, True),
        ({"create_time": NOW - WAIT - MOMENT}, False),
        ({"create_time": NOW + WAIT - MOMENT}, True),
        ({"create_time": NOW + WAIT}, False),
    ],
)
async def test_refund_that_answers_no_key_is_of_its_payment_amount_and_time(
    database: Database, changes: dict[str, Any], found: bool
) -> None:
    async with database.session() as session:
        await put(session, of(MINE, **changes))
        known = await restores.unclaimed(session, MINE, 500, NOW - WAIT, NOW + WAIT)
    assert known == (MINE if found else None)


async def test_last_restore_is_the_one_that_counts_and_the_oldest_refund(database: Database, store: Store) -> None:
    async with database.session() as session:
        assert await restores.last(session) is None
        for hours in (1, 3, 2):
            times = [NOW + timedelta(hours=hours), NOW - timedelta(hours=hours)]
            store.look.execute("INSERT INTO restores (restore_time, backup_time) VALUES (%s, %s)", times)
        assert await restores.last(session) == (NOW + timedelta(hours=3), NOW - timedelta(hours=3))
        for key, age in ((AFTER, 1), (MINE, 3), (BEFORE, 2)):
            await put(session, of(key, payment_id=MINE, create_time=NOW - age * MOMENT))
        assert await restores.unclaimed(session, MINE, 500, NOW - WAIT, NOW) == MINE


async def test_refunds_without_an_answer_are_counted_by_whose_account_was_asked(database: Database) -> None:
    """One that has a name at its provider is known there, and one that has ended is no question."""
    hour = timedelta(hours=1)
    async with database.session() as session:
        await store_payments(session, payment_of(MINE), payment_of(AFTER, account_id=UUID(int=7)), payment_of(BEFORE))
        await put(session, of(MINE, create_time=NOW - 2 * hour), of(AFTER, create_time=NOW - 3 * hour))
        await put(session, of(BEFORE, create_time=NOW - 9 * hour, provider_reference="re_1"))
        found = await MeasureRepository().unknown(session)
    assert sorted(found) == [
        Open("stripe", "REFUND", "merchants", 1, 3 * hour), Open("stripe", "REFUND", "platform", 1, 2 * hour)
    ]  # fmt: skip
