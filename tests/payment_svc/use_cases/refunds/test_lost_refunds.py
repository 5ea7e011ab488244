"""Refunds that were lost with a restore: found at the provider, and not made again."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import timedelta
from typing import Any, cast

import pytest

from mesh.errors import ApiError
from mesh.money import Money
from payment_svc.domain.clocks import CLOCK_SKEW
from payment_svc.domain.operation import OperationStatus
from payment_svc.domain.payment import PaymentStatus
from payment_svc.domain.refund import GivenBack, Refund, RefundSnapshot, RefundStatus
from payment_svc.domain.review import ReviewKind
from payment_svc.providers.base import UnavailableError
from payment_svc.storage import restores
from payment_svc.storage.refunds import Sums
from payment_svc.storage.restores import Restore
from payment_svc.use_cases import lost_refunds
from payment_svc.use_cases.lost_refunds import KEYS_LIVE, Booked
from payment_svc.use_cases.taken_back.losses import ELSEWHERE, whole
from tests.support.payment_books import HOUR, MOMENT, NEW_ID, NOW, OWED, PAID, World

S, R, E = PaymentStatus, RefundStatus, OperationStatus

RESTORE = Restore(restore_time=NOW - HOUR, backup_time=NOW - 2 * HOUR)


@pytest.mark.parametrize(
    ("age", "is_older"),
    [(HOUR, True), (HOUR - CLOCK_SKEW + MOMENT, True), (HOUR - CLOCK_SKEW, False), (timedelta(0), False)],
)
async def test_payment_from_before_a_restore_may_have_lost_refunds(
    age: timedelta, is_older: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []

    async def last(_session: Any) -> Restore:
        asked.append(1)
        return RESTORE

    monkeypatch.setattr(restores, "last", last)
    world = World()
    for _ in range(2):
        found = await world.lost.restore_of(cast(Any, world), replace(PAID, create_time=NOW - age))
        assert found == (RESTORE if is_older else None)
    assert len(asked) == 1
    world.told()
    await world.lost.restore_of(cast(Any, world), PAID)
    assert len(asked) == 2


def mine(number: int, minor: int | None = 300, status: RefundStatus = R.SUCCESS) -> GivenBack:
    # of the time that its id says
    made = uuid.UUID(int=(int(NOW.timestamp() * 1000) << 80) + number)
    return GivenBack(str(made), RefundSnapshot(f"re_{number}", status, None if minor is None else Money(minor, "EUR")))


async def test_provider_whose_clock_is_late_is_asked_from_before_the_backup() -> None:
    """A refund that is lost with the restore was made after the backup: by its provider's clock, minutes before."""
    world = World()
    await world.lost.bring_forward(PAID, cast(Any, world), RESTORE)
    assert world.since == RESTORE.backup_time - timedelta(minutes=5)


async def test_what_went_back_and_is_not_known_is_written_down() -> None:
    world = World()
    known = mine(3)
    world.known = {uuid.UUID(known.refund_id)}
    world.given = [mine(1), known, mine(4, None), mine(5, 100, R.PENDING)]
    await world.lost.bring_forward(PAID, cast(Any, world), RESTORE)
    assert (world.since, world.until) == (
        RESTORE.backup_time - CLOCK_SKEW,
        RESTORE.restore_time + lost_refunds.IN_FLIGHT,
    )
    assert [(one.provider_reference, one.amount.minor) for one in world.inserted] == [("re_1", 300), ("re_5", 100)]
    first = world.inserted[0]
    assert (first.status, first.version, first.create_time, first.update_time) == (R.PENDING, 1, NOW, NOW)
    assert (first.attempt, first.is_owed, first.reason) == (None, False, lost_refunds.REASON)
    assert [one and one.status for one in world.changed] == [R.SUCCESS, None]
    assert world.asked_at == "ORDER1"


@pytest.mark.parametrize(
    ("given", "amount", "status", "is_written"),
    [
        (0, 1200, R.SUCCESS, True),
        (0, 1201, R.SUCCESS, False),
        (0, 1201, R.PENDING, False),
        (0, 0, R.SUCCESS, False),
        (900, 300, R.SUCCESS, True),
        (901, 300, R.SUCCESS, False),
        # nothing went back
        (1200, 300, R.FAILED, True),
    ],
)
async def test_id_of_ours_makes_no_more_go_back_than_was_there(
    given: int, amount: int, status: RefundStatus, is_written: bool
) -> None:
    """Whoever owns an account can write an id that fits on a refund there."""
    world = World(sums=Sums(given, given, 0))
    booked = await world.lost.write_down(PAID, [mine(1, amount, status)], None)
    assert [one.amount.minor for one in world.inserted] == ([amount] if is_written else [])
    assert (booked.refunds, len(booked.differing), len(world.asked)) == ((1, 0, 0) if is_written else (0, 1, 1))


LATER = (PAID.create_time - CLOCK_SKEW - timedelta(milliseconds=1), NOW + CLOCK_SKEW + timedelta(milliseconds=1))


@pytest.mark.parametrize(
    ("label", "sums", "amount", "status", "written", "asked"),
    [
        ("", Sums(0, 0, 0), 300, R.SUCCESS, [(300, R.SUCCESS)], []),
        ("their own", Sums(0, 0, 0), 1200, R.SUCCESS, [(1200, R.SUCCESS)], []),
        ("", Sums(0, 0, 0), 300, R.PENDING, [(300, R.PENDING)], []),
        # what is under way may be refused: it is not there to be kept
        ("", Sums(1200, 900, 300), 300, R.SUCCESS, [(300, R.SUCCESS)], []),
        ("", Sums(901, 901, 0), 300, R.SUCCESS, [], [300]),
        ("", Sums(0, 0, 0), 1201, R.SUCCESS, [], [1201]),
        ("", Sums(0, 0, 0), 300, R.FAILED, [], []),
        # an id of ours that this payment cannot have
        (str(uuid.UUID(int=(1 << 128) - 1)), Sums(0, 0, 0), 300, R.SUCCESS, [(300, R.SUCCESS)], []),
        (str(uuid.UUID(int=int(LATER[0].timestamp() * 1000) << 80)), Sums(0, 0, 0), 5, R.SUCCESS, [(5, R.SUCCESS)], []),
        (str(uuid.UUID(int=int(LATER[1].timestamp() * 1000) << 80)), Sums(0, 0, 0), 5, R.SUCCESS, [(5, R.SUCCESS)], []),
        (mine(7).refund_id, Sums(0, 0, 0), 300, R.SUCCESS, [(300, R.SUCCESS)], []),
    ],
)
async def test_what_was_given_back_at_the_provider_is_written_down(
    label: str, sums: Sums, amount: int, status: RefundStatus, written: Any, asked: list[int]
) -> None:
    world = World(sums=sums)
    # another payment's
    world.owners = {uuid.UUID(mine(7).refund_id): NEW_ID}
    given = [GivenBack(label, RefundSnapshot("re_1", status, Money(amount, "EUR")))]
    booked = await world.lost.write_down(PAID, given, None)
    assert [(one.amount.minor, status) for one in world.inserted] == written
    assert [one.status for one in world.changed if one] == ([R.SUCCESS] if written and status == R.SUCCESS else [])
    assert {
        (one.refund_id, one.reason, one.sends, one.provider_reference, one.is_owed, one.is_found)
        for one in world.inserted
    } <= {(NEW_ID, ELSEWHERE, 0, "re_1", False, True)}
    assert [about.amount.minor for _, about in world.asked] == asked
    assert (booked.refunds, len(booked.differing)) == (len(written), len(asked))
    world.known = {"re_1"}
    assert await world.lost.write_down(PAID, given, None) == Booked()


@pytest.mark.parametrize("label", ["", mine(1).refund_id])
async def test_other_money_that_went_back_is_asked_about(label: str) -> None:
    world = World()
    booked = await world.lost.write_down(
        PAID, [GivenBack(label, RefundSnapshot("re_1", R.SUCCESS, Money(5, "USD")))], None
    )
    assert not world.inserted
    assert booked == Booked(0, ("0.05 USD was given back of 12.00 EUR",))
    assert [(kind, about.amount, about.reference, about.is_once) for kind, about in world.asked] == [
        (ReviewKind.AMOUNT_DIFFERS, Money(5, "USD"), "re_1", True)
    ]


async def test_surplus_that_was_given_back_at_the_provider_is_of_its_attempt() -> None:
    world = World()
    gone = RefundSnapshot("re_1", R.SUCCESS, Money(700, "EUR"))
    assert (await world.lost.write_down(PAID, [GivenBack("", gone)], 1)).refunds == 1
    assert [(one.attempt, one.is_owed) for one in world.inserted] == [(1, True)]
    more = GivenBack("", RefundSnapshot("re_2", R.SUCCESS, Money(701, "EUR")))
    assert (await world.lost.write_down(PAID, [more], 1)).differing


async def test_what_went_back_of_a_surplus_is_asked_of_its_attempt_and_is_owed() -> None:
    world = World()
    world.given = [mine(1)]
    await world.lost.bring_forward(PAID, cast(Any, world), RESTORE, 1)
    assert [(one.attempt, one.is_owed) for one in world.inserted] == [(1, True)]
    assert world.asked_at == "ORDER0"


async def test_refund_waits_while_its_provider_does_not_say() -> None:
    world = World()
    world.given = UnavailableError("away")
    with pytest.raises(ApiError) as refused:
        await world.lost.bring_forward(PAID, cast(Any, world), RESTORE)
    assert refused.value.reason == "PROVIDER_UNAVAILABLE"


@pytest.mark.parametrize(
    ("refund", "restore", "taken", "left"),
    [
        (OWED, RESTORE, 500, None),
        (OWED, RESTORE, 1200, None),
        (OWED, RESTORE, 1300, 400),
        (OWED, RESTORE, 1700, 0),
        (OWED, None, 1700, None),
        (replace(OWED, sends=1), RESTORE, 1700, None),
        (replace(OWED, is_owed=False), RESTORE, 1700, None),
        (replace(OWED, attempt=1), RESTORE, 700, None),
        (replace(OWED, attempt=1), RESTORE, 900, 300),
    ],
)
async def test_what_is_owed_is_counted_again_after_a_restore(
    refund: Refund, restore: Restore | None, taken: int, left: int | None
) -> None:
    world = World()
    world.lost._restore, world.lost._is_read = restore, True
    world.of_attempts = {refund.attempt: Sums(taken, 0, 0)}
    world.inserted = [refund]
    found = await world.lost.recount(replace(PAID, create_time=NOW - 3 * HOUR), refund, cast(Any, world))
    if left is None:
        assert found == refund
    elif left:
        assert (found.amount.minor, found.status) == (left, R.PENDING)
    else:
        assert (found.amount, found.status) == (refund.amount, R.FAILED)


async def test_what_is_owed_and_was_given_back_before_the_restore_is_not_sent() -> None:
    """Its try is lost, and a look at it alone may fail: the list of all shows it, however long ago that was."""
    world = World()
    world.lost._restore, world.lost._is_read = RESTORE, True
    owed = replace(OWED, provider_reference="")
    world.of_attempts, world.inserted = {None: Sums(500, 0, 0)}, [owed]
    world.known = {owed.refund_id}
    world.given = [GivenBack(str(owed.refund_id), RefundSnapshot("re_1", R.SUCCESS, owed.amount))]
    found = await world.lost.recount(replace(PAID, create_time=NOW - 3 * HOUR), owed, cast(Any, world))
    assert (found.status, found.provider_reference) == (R.SUCCESS, "re_1")


@pytest.mark.parametrize(("age", "asks"), [(KEYS_LIVE, True), (KEYS_LIVE + MOMENT, False)])
async def test_request_is_a_repetition_while_keys_live(
    age: timedelta, asks: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    restore = Restore(NOW - age, NOW - age - HOUR)

    async def unclaimed(*given: Any) -> uuid.UUID:
        assert given[1:] == (PAID.payment_id, 300, restore.backup_time - CLOCK_SKEW, restore.restore_time + CLOCK_SKEW)
        return NEW_ID

    monkeypatch.setattr(restores, "unclaimed", unclaimed)
    world = World()
    assert await world.lost.same(cast(Any, world), PAID, 300, restore) == (NEW_ID if asks else None)


@pytest.mark.parametrize(("attempt", "amount"), [(None, 1200), (1, 700), (2, 0), (3, 1200)])
def test_refund_is_of_a_capture_or_of_an_attempts_surplus(attempt: int | None, amount: int) -> None:
    assert whole(PAID, attempt) == amount
