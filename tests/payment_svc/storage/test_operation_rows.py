"""Every statement about operations means one row, or those of one payment, in its state, and no other."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from mesh.storage.database import Database, Session
from payment_svc.domain.operation import Operation, OperationKind, OperationStatus, Requester
from payment_svc.domain.payment import AttemptStatus, Failure
from payment_svc.storage.measures import MeasureRepository, Open
from payment_svc.storage.operations import OperationRepository
from tests.support.databases.simulated import Store
from tests.support.payment_rows import payment_of, store_payments
from tests.support.rows import AFTER, BEFORE, MINE, MOMENT, NOW, Watch, ids

S, K = OperationStatus, OperationKind
OPEN = {S.SENT, S.UNKNOWN}
REPOSITORY = OperationRepository()
WAIT = timedelta(minutes=3)
OPERATION = Operation(
    operation_id=MINE, payment_id=MINE, attempt=1, kind=K.CAPTURE, amount=1200, status=S.SENT, sends=1,
    requester=Requester.MERCHANT, failure=None, create_time=NOW, update_time=NOW,
)  # fmt: skip


def of(key: UUID, **changes: Any) -> Operation:
    """Return the operation of a row, of a payment of the same number."""
    return replace(OPERATION, **{"operation_id": key, "payment_id": key} | changes)


async def put(session: Session, *operations: Operation, wait: timedelta | None = WAIT) -> None:
    for one in operations:
        await REPOSITORY.insert(session, one, wait if one.status in OPEN else None)  # type: ignore[arg-type]


CHANGES: dict[str, Callable[[Session], Awaitable[object]]] = {
    "end": lambda s: REPOSITORY.end(s, of(MINE, status=S.DONE)),
    "send": lambda s: REPOSITORY.send(s, MINE, 2 * WAIT),
    "postpone": lambda s: REPOSITORY.postpone(s, MINE, 2 * WAIT),
}


@pytest.mark.parametrize("change", CHANGES)
async def test_one_operation_is_changed(database: Database, store: Store, change: str) -> None:
    async with database.session() as session:
        await put(session, *map(of, ids))
        with Watch(store, "operations", "operation_id") as watch:
            await CHANGES[change](session)
    assert watch.changed == {MINE}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("status", S)
async def test_what_has_ended_stays_as_it_is(
    database: Database, store: Store, change: str, status: OperationStatus
) -> None:
    async with database.session() as session:
        await put(session, of(MINE, status=status))
        with Watch(store, "operations", "operation_id") as watch:
            await CHANGES[change](session)
    assert watch.changed == ({MINE} if status in OPEN else set())


@pytest.mark.parametrize("status", S)
async def test_operations_of_a_payment_are_read_oldest_first(database: Database, status: OperationStatus) -> None:
    failure = Failure("declined", "no")
    old = of(AFTER, payment_id=MINE, kind=K.SETTLE, create_time=NOW - MOMENT, status=status, failure=failure)
    new = of(MINE, kind=K.CANCEL, requester=Requester.GATEWAY, attempt=2)
    async with database.session() as session:
        await put(session, new, old, of(UUID(int=1), payment_id=BEFORE), of(UUID(int=2), payment_id=AFTER))
        assert await REPOSITORY.lock(session, MINE) == new
        assert await REPOSITORY.of_payment(session, MINE) == [old, new]
        assert await REPOSITORY.lock_open(session, MINE) == ([old, new] if status in OPEN else [new])


async def test_change_says_when_to_ask_again(database: Database, store: Store) -> None:
    async with database.session() as session:
        await put(session, of(MINE))
        assert next_try(store) == NOW + WAIT
        assert await REPOSITORY.send(session, MINE, 2 * WAIT) == of(MINE, sends=2)
        assert next_try(store) == NOW + 2 * WAIT
        await REPOSITORY.postpone(session, MINE, 3 * WAIT)
        assert next_try(store) == NOW + 3 * WAIT
        await REPOSITORY.end(session, of(MINE, status=S.UNKNOWN), 4 * WAIT)
        assert next_try(store) == NOW + 4 * WAIT
        await REPOSITORY.end(session, of(MINE, status=S.REFUSED), 5 * WAIT)
        assert next_try(store) is None


def next_try(store: Store) -> object:
    return store.rows("SELECT next_try_time FROM operations")[0][0]


async def test_what_is_due_is_taken_oldest_first(database: Database, store: Store) -> None:
    async with database.session() as session:
        for key, wait in {AFTER: -WAIT, MINE: timedelta(0), BEFORE: MOMENT}.items():
            await put(session, of(key), wait=wait)
        assert await REPOSITORY.claim_due(session, WAIT, 1) == [of(AFTER)]
        assert await REPOSITORY.claim_due(session, WAIT, 9) == [of(MINE)]
        assert await REPOSITORY.claim_due(session, WAIT, 9) == []
        store.set_clock(NOW + WAIT)
        assert len(await REPOSITORY.claim_due(session, WAIT, 9)) == 3


@pytest.mark.parametrize(("age", "driver", "is_taken"), [
    (timedelta(0), BEFORE, False),
    (timedelta(0), AFTER, False),
    (timedelta(0), MINE, True),
    (-WAIT, BEFORE, False),
    (-WAIT - MOMENT, BEFORE, True),
    (-WAIT - MOMENT, AFTER, True),
])  # fmt: skip
async def test_lease_is_its_drivers_until_its_time_is_over(
    database: Database, store: Store, age: timedelta, driver: UUID, is_taken: bool
) -> None:
    async with database.session() as session:
        await store_payments(session)
        assert await REPOSITORY.is_free(session, MINE)
        for one in ids:
            assert await REPOSITORY.take(session, one, MINE, WAIT)
        store.set_clock(NOW - age)
        assert await REPOSITORY.is_free(session, MINE) is (age < -WAIT)
        with Watch(store, "payments", "payment_id") as watch:
            assert await REPOSITORY.take(session, MINE, driver, 2 * WAIT) is is_taken
        assert watch.changed == ({MINE} if is_taken else set())
        with Watch(store, "payments", "payment_id") as watch:
            await REPOSITORY.leave(session, MINE, driver)
        assert watch.changed == ({MINE} if is_taken else set())
        assert await REPOSITORY.is_free(session, MINE) is (is_taken or age < -WAIT)


async def test_lease_is_of_one_payment(database: Database) -> None:
    async with database.session() as session:
        await store_payments(session)
        await REPOSITORY.take(session, MINE, MINE, WAIT)
        assert [await REPOSITORY.is_free(session, one) for one in ids] == [True, False, True]


async def test_unknown_outcomes_are_counted_by_whose_account_was_asked(database: Database, store: Store) -> None:
    hour, (first,) = timedelta(hours=1), payment_of(AFTER).attempts
    # asked at the merchant's own account, before it moved on to the platform's at another provider
    own = replace(first, account_id=UUID(int=7), status=AttemptStatus.FAILED, end_time=NOW)
    moved = payment_of(AFTER, attempts=(own, replace(first, number=2, provider="paypal")), provider="paypal")
    async with database.session() as session:
        await store_payments(session, payment_of(MINE), moved, payment_of(BEFORE))
        await put(session, of(MINE, status=S.UNKNOWN, create_time=NOW - 2 * hour))
        await put(session, of(AFTER, status=S.UNKNOWN, create_time=NOW - 3 * hour))
        await put(session, of(BEFORE, create_time=NOW - 9 * hour))
        found = await MeasureRepository().unknown(session)
    assert sorted(found) == [
        Open("stripe", "CAPTURE", "merchants", 1, 3 * hour), Open("stripe", "CAPTURE", "platform", 1, 2 * hour)
    ]  # fmt: skip
