"""Every statement about payments means one row, in its state, and no other."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from mesh.storage.database import Database, Session
from mesh.storage.listing import Listing
from payment_svc.domain.payment import (
    TERMINAL,
    Action,
    ActionKind,
    Attempt,
    AttemptStatus,
    CaptureMethod,
    Failure,
    Payment,
    PaymentStatus,
    Route,
)
from payment_svc.storage import looks
from payment_svc.storage.operations import OperationRepository
from payment_svc.storage.payments import PaymentRepository
from tests.support.databases.simulated import Store
from tests.support.payment_rows import WAIT, payment_of, store_payments
from tests.support.rows import AFTER, BEFORE, MINE, MOMENT, NOW, Watch, ids

S = PaymentStatus
REPOSITORY = PaymentRepository()
LOOKS = looks.OF_PAYMENTS
ENDED = {"captured": 1200, "status": S.SUCCESS}


def following(**changes: Any) -> Payment:
    return payment_of(MINE, **{"version": 4} | changes)


CHANGES: dict[str, Callable[[Session], Awaitable[object]]] = {
    "update": lambda s: REPOSITORY.update(s, following(redirect_url="x"), WAIT),
    "schedule": lambda s: REPOSITORY.schedule(s, MINE, 2 * WAIT),
    "mark_unwanted": lambda s: REPOSITORY.mark_unwanted(s, MINE),
    "fail": lambda s: LOOKS.fail(s, MINE),
}


@pytest.mark.parametrize("change", CHANGES)
async def test_one_payment_is_changed(database: Database, store: Store, change: str) -> None:
    async with database.session() as session:
        await store_payments(session)
        with Watch(store, "payments", "payment_id") as watch:
            await CHANGES[change](session)
    assert watch.changed == {MINE}


FULL = payment_of(
    MINE, account_id=UUID(int=7), mode="live", capture_before=NOW + WAIT, surplus=True, unwanted=True,
    cancel_url="https://shop.example/no", redirect_url="https://pay.example", description="socks", version=1,
    merchant_order_id="A-1",
    payment_method="pm_1", capture_method=CaptureMethod.MANUAL, failure=Failure("declined", "no"),
    status=S.REQUIRES_ACTION, action=Action(ActionKind.REDIRECT, "3ds", "https://bank.example", "secret"),
    route=Route("eu", "first", ("paypal",)),
    attempts=(
        Attempt(1, "paypal", "O1", AttemptStatus.FAILED, Failure("x", "y"), NOW, NOW, UUID(int=8), held=5),
        Attempt(2, "stripe", "pi_m", AttemptStatus.OPEN, None, NOW, None, UUID(int=7), surplus=6),
    ),
)  # fmt: skip


async def test_payment_is_read_as_it_was_stored(database: Database) -> None:
    async with database.session() as session:
        await store_payments(session, payment_of(BEFORE), FULL, payment_of(AFTER))
        assert await REPOSITORY.lock(session, MINE) == FULL
        assert await REPOSITORY.read(session, MINE) == FULL
        assert [await REPOSITORY.get(session, one, MINE) for one in ids] == [None, FULL, None]
        assert await REPOSITORY.live_of_order(session, MINE) == FULL
        assert await REPOSITORY.by_ids(session, [MINE]) == [FULL]
        page = await REPOSITORY.page(session, Listing({"merchant_id": MINE}), after=None, limit=5)
        assert page == [FULL]


async def test_change_is_read_as_it_was_stored(database: Database) -> None:
    first, second = FULL.attempts
    attempts = (first, replace(second, status=AttemptStatus.SUCCEEDED, end_time=NOW, capture_time=NOW + WAIT))
    changed = replace(
        FULL, version=2, status=S.SUCCESS, captured=1100, refunded=3, failure=None, action=None, attempts=attempts
    )
    async with database.session() as session:
        await store_payments(session, FULL)
        await REPOSITORY.update(session, changed, WAIT)
        assert await REPOSITORY.read(session, MINE) == changed


@pytest.mark.parametrize(
    ("stored", "account"),
    [
        # the version before stores no account with an attempt: it is the payment's, where it is at its provider
        ({"provider": "stripe"}, UUID(int=7)),
        ({"provider": "paypal"}, None),
        ({"provider": "stripe", "account_id": None}, None),
    ],
)
async def test_attempt_of_the_version_before_has_its_payments_account(
    database: Database, store: Store, stored: dict[str, Any], account: UUID | None
) -> None:
    attempt = {"number": 1, "provider_reference": "", "status": "OPEN", "failure": None, "end_time": None} | stored
    async with database.session() as session:
        await store_payments(session, FULL)
        store.look.execute("SET session_replication_role = replica")
        given = {"create_time": NOW.isoformat()} | attempt
        store.look.execute("UPDATE payments SET attempts = %s::jsonb", [json.dumps([given])])
        store.look.execute("SET session_replication_role = origin")
        found = await REPOSITORY.read(session, MINE)
    assert found
    assert [(a.account_id, a.held, a.surplus) for a in found.attempts] == [(account, 0, 0)]


@pytest.mark.parametrize("version", [2, 3, 5])
async def test_next_version_is_that_of_the_one_before(database: Database, store: Store, version: int) -> None:
    async with database.session() as session:
        await store_payments(session)
        with Watch(store, "payments", "payment_id") as watch, pytest.raises(RuntimeError):
            await REPOSITORY.update(session, following(version=version), WAIT)
    assert not watch.changed


@pytest.mark.parametrize("status", S)
async def test_what_has_ended_is_not_looked_at(database: Database, store: Store, status: PaymentStatus) -> None:
    is_live = status not in TERMINAL
    async with database.session() as session:
        await store_payments(session, payment_of(MINE, status=status))
        assert next_check(store) == (NOW + WAIT if is_live else None)
        await REPOSITORY.schedule(session, MINE, 2 * WAIT)
        assert next_check(store) == (NOW + 2 * WAIT if is_live else None)
        assert await REPOSITORY.mark_unwanted(session, MINE) == ("pi_m" if is_live else None)
        assert await REPOSITORY.live_of_order(session, MINE) == (
            payment_of(MINE, status=status, unwanted=True) if is_live else None
        )


def next_check(store: Store) -> object:
    return store.rows("SELECT next_check_time FROM payments")[0][0]


async def test_change_says_when_to_look_next_and_who_leaves(database: Database, store: Store) -> None:
    take = OperationRepository()
    async with database.session() as session:
        await store_payments(session, payment_of(MINE))
        for leaving, version in ((None, 4), (BEFORE, 5), (AFTER, 6), (MINE, 7)):
            await take.take(session, MINE, MINE, WAIT)
            await REPOSITORY.update(session, following(version=version), 2 * WAIT, leaving)
            assert await take.is_free(session, MINE) is (leaving == MINE)
        assert next_check(store) == NOW + 2 * WAIT
        await REPOSITORY.update(session, following(version=8, **ENDED), WAIT)
        assert next_check(store) is None


async def test_what_is_due_is_taken_oldest_first_and_counted(database: Database, store: Store) -> None:
    async with database.session() as session:
        for key, wait in {AFTER: -WAIT, MINE: timedelta(0), BEFORE: MOMENT}.items():
            await store_payments(session, payment_of(key), wait=wait)
        taken = [await REPOSITORY.claim_due(session, WAIT, limit) for limit in (1, 9, 9)]
        assert [[(one.payment.payment_id, one.checks) for one in some] for some in taken] == [
            [(AFTER, 1)], [(MINE, 1)], [],
        ]  # fmt: skip
        store.set_clock(NOW + WAIT)
        due = await REPOSITORY.claim_due(session, WAIT, 9)
    assert {one.payment.payment_id: one.checks for one in due} == {AFTER: 2, MINE: 2, BEFORE: 1}


async def test_payment_is_found_by_the_name_of_its_object_at_its_provider(database: Database) -> None:
    async with database.session() as session:
        await store_payments(session, *map(payment_of, ids), payment_of(UUID(int=9)))
        assert await REPOSITORY.find(session, "stripe", "pi_m") == MINE
        for provider, reference in (("paypal", "pi_m"), ("zpay", "pi_m"), ("stripe", "pi_n"), ("stripe", "")):
            assert await REPOSITORY.find(session, provider, reference) is None


async def test_other_payments_are_of_the_same_order(database: Database) -> None:
    mine = payment_of(MINE, status=S.FAILED)
    async with database.session() as session:
        await store_payments(session, *(payment_of(one, order_id=MINE, status=S.FAILED) for one in (BEFORE, AFTER)))
        await store_payments(session, mine, payment_of(UUID(int=1)), payment_of(UUID(int=99)))
        others = await REPOSITORY.others_of_order(session, mine)
        assert {one.payment_id for one in others} == {BEFORE, AFTER}
        assert await REPOSITORY.live_of_order(session, MINE) is None


async def test_looks_that_fail_are_counted_from_the_first_since_one_was_answered(
    database: Database, store: Store
) -> None:
    hour = timedelta(hours=1)
    async with database.session() as session:
        await store_payments(session)
        for one in (BEFORE, MINE, AFTER):
            assert await LOOKS.fail(session, one) == NOW
        store.set_clock(NOW + hour)
        assert await LOOKS.fail(session, MINE) == NOW
        with Watch(store, "payments", "payment_id") as watch:
            await LOOKS.answer(session, MINE)
        assert watch.changed == {MINE}
        with Watch(store, "payments", "payment_id") as watch:
            await LOOKS.answer(session, MINE)
        assert not watch.changed
        assert await LOOKS.fail(session, MINE) == NOW + hour
        assert await LOOKS.fail(session, UUID(int=404)) is None
