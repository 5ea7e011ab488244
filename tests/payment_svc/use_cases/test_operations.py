"""What becomes of an operation by how its provider answers, on a database, with a provider in the test's hands."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest

from mesh import context
from mesh.errors import ApiError
from mesh.money import Money
from mesh.storage.database import Database
from payment_svc.domain.operation import Lease, Operation, OperationKind, OperationStatus, Requester
from payment_svc.domain.payment import AttemptStatus, Failure, Payment, PaymentStatus, Route, Snapshot
from payment_svc.domain.review import ReviewKind
from payment_svc.providers.base import (
    ObjectNotFoundError,
    OutcomeUnknownError,
    RejectedError,
    UnavailableError,
)
from tests.support.databases.simulated import Store
from tests.support.payment_ledger import fact, operation
from tests.support.payment_operations import CALL, PATIENT, Gateway
from tests.support.payment_rows import payment_of
from tests.support.rows import BEFORE, MINE, MOMENT, NOW

S, K, E, R = PaymentStatus, OperationKind, OperationStatus, Requester
EUR12 = Money(1200, "EUR")
DECLINED = Failure("declined", "no")
HOUR, SECOND = timedelta(hours=1), timedelta(seconds=1)
DAY = timedelta(days=1)
KEPT = DAY - HOUR
"""For how long something is asked again under its key: it is remembered for a day."""
MARGIN = 15 * SECOND


@pytest.fixture
async def gateway_(database: Database, store: Store) -> Gateway:
    context.enter(context.Call(f"{1:032x}"))
    return Gateway(database, store)


def snapshot(status: PaymentStatus, **more: Any) -> Snapshot:
    return Snapshot("pi_m", status, EUR12, **more)


AWAY, SILENCE, REFUSES = UnavailableError("away"), OutcomeUnknownError("silence"), RejectedError(DECLINED)
ABSENT = ObjectNotFoundError("no such object")


@pytest.mark.parametrize(
    ("kind", "payment", "sends", "answer", "shown", "status", "ends"),
    [
        (K.CAPTURE, S.AUTHORIZED, 1, snapshot(S.SUCCESS), None, S.SUCCESS, E.DONE),
        (K.CAPTURE, S.AUTHORIZED, 1, SILENCE, None, S.AUTHORIZED, E.UNKNOWN),
        (K.CAPTURE, S.AUTHORIZED, 1, AWAY, None, S.AUTHORIZED, E.REFUSED),
        (K.CAPTURE, S.AUTHORIZED, 2, AWAY, None, S.AUTHORIZED, E.UNKNOWN),
        # what has moved on is refused as well: its object says how it stands
        (K.CAPTURE, S.AUTHORIZED, 1, REFUSES, snapshot(S.SUCCESS), S.SUCCESS, E.DONE),
        (K.CAPTURE, S.AUTHORIZED, 1, REFUSES, snapshot(S.AUTHORIZED), S.AUTHORIZED, E.REFUSED),
        (K.CAPTURE, S.AUTHORIZED, 1, REFUSES, AWAY, S.AUTHORIZED, E.REFUSED),
        # what a further try is refused for may be that an earlier one did it
        (K.CAPTURE, S.AUTHORIZED, 2, REFUSES, AWAY, S.AUTHORIZED, E.UNKNOWN),
        (K.CAPTURE, S.AUTHORIZED, 2, REFUSES, snapshot(S.AUTHORIZED), S.AUTHORIZED, E.REFUSED),
        (K.CANCEL, S.AUTHORIZED, 1, REFUSES, snapshot(S.CANCELLED), S.CANCELLED, E.DONE),
        (K.CONFIRM, S.PROCESSING, 1, REFUSES, snapshot(S.SUCCESS), S.FAILED, E.REFUSED),
        (K.CONFIRM, S.PROCESSING, 2, REFUSES, snapshot(S.SUCCESS), S.SUCCESS, E.DONE),
        (K.CONFIRM, S.PROCESSING, 2, REFUSES, snapshot(S.PROCESSING), S.PROCESSING, E.UNKNOWN),
        (K.CONFIRM, S.PROCESSING, 2, REFUSES, snapshot(S.PROCESSING, approved=True), S.FAILED, E.REFUSED),
        (K.CONFIRM, S.PROCESSING, 2, REFUSES, AWAY, S.PROCESSING, E.UNKNOWN),
        # of what is not there the first try took nothing
        (K.CONFIRM, S.PROCESSING, 1, ABSENT, None, S.PROCESSING, E.REFUSED),
        (K.CONFIRM, S.PROCESSING, 2, ABSENT, None, S.PROCESSING, E.UNKNOWN),
        (K.CAPTURE, S.AUTHORIZED, 1, ABSENT, None, S.AUTHORIZED, E.UNKNOWN),
        (K.CONFIRM, S.PROCESSING, 1, AWAY, None, S.PROCESSING, E.REFUSED),
        (K.CONFIRM, S.PROCESSING, 2, AWAY, None, S.PROCESSING, E.UNKNOWN),
    ],
)
async def test_operation_ends_as_it_is_answered(
    gateway_: Gateway, kind: OperationKind, payment: PaymentStatus, sends: int, answer: Any, shown: Any,
    status: PaymentStatus, ends: OperationStatus,
) -> None:  # fmt: skip
    asked = operation(kind, sends=sends)
    at = payment_of(MINE, status=payment)
    await gateway_.put(at, asked)
    gateway_.answers, gateway_.shown = [answer], shown
    current, ended = await gateway_.operations.execute(at, asked)
    assert (current.status, ended.status) == (status, ends)
    assert gateway_.asked_of == [("stripe", "complete" if kind == K.CONFIRM else kind.lower())]
    assert gateway_.asked()[0][2] == ends


TOKEN = payment_of(MINE, provider_reference="", status=S.PROCESSING, payment_method="pm_1")


@pytest.mark.parametrize(
    ("payment", "sends", "found", "status", "ends"),
    [
        (TOKEN, 1, AWAY, S.FAILED, E.REFUSED),
        (TOKEN, 2, None, S.FAILED, E.REFUSED),
        (TOKEN, 2, snapshot(S.SUCCESS), S.SUCCESS, E.DONE),
        (TOKEN, 2, AWAY, S.PROCESSING, E.UNKNOWN),
        # nobody was given its page
        (replace(TOKEN, payment_method=""), 2, AWAY, S.FAILED, E.REFUSED),
    ],
)
async def test_charge_whose_further_try_is_refused_is_looked_for(
    gateway_: Gateway, payment: Payment, sends: int, found: Any, status: PaymentStatus, ends: OperationStatus
) -> None:
    asked = operation(K.START, sends=sends)
    await gateway_.put(payment, asked)
    gateway_.answers, gateway_.found = [REFUSES], found
    current, _ = await gateway_.operations.execute(payment, asked)
    assert (current.status, gateway_.asked()[0][2]) == (status, ends)


async def test_what_has_ended_is_not_asked(gateway_: Gateway) -> None:
    at, done = payment_of(MINE), operation(K.CONFIRM, status=E.DONE)
    assert await gateway_.operations.execute(at, done) == (at, done)
    assert gateway_.asked_of == []


ROUTE = Route("r", "why", ("paypal",))


def starting(**changes: Any) -> Payment:
    return payment_of(MINE, provider_reference="", status=S.INITIATED, route=ROUTE, **changes)


@pytest.mark.parametrize(
    ("payment", "sends", "answer", "others", "moves", "status"),
    [
        (starting(), 1, AWAY, ["paypal"], True, S.INITIATED),
        (starting(), 2, AWAY, ["paypal"], True, S.INITIATED),
        (starting(), 1, SILENCE, ["paypal"], True, S.INITIATED),
        (starting(payment_method="pm_1"), 1, AWAY, ["paypal"], True, S.INITIATED),
        (starting(payment_method="pm_1"), 2, AWAY, ["paypal"], False, S.INITIATED),
        (starting(payment_method="pm_1"), 1, SILENCE, ["paypal"], False, S.PROCESSING),
        (starting(), 1, AWAY, [], False, S.FAILED),
        (starting(), 1, AWAY, ["adyen"], False, S.FAILED),
        (replace(starting(), route=None), 1, AWAY, ["paypal"], False, S.FAILED),
        (replace(starting(), route=replace(ROUTE, alternatives=("stripe",))), 1, AWAY, ["stripe"], False, S.FAILED),
        (starting(), 1, SILENCE, [], False, S.PROCESSING),
    ],
)
async def test_payment_goes_to_the_next_provider_while_nobody_was_charged(
    gateway_: Gateway, payment: Payment, sends: int, answer: Any, others: list[str], moves: bool,
    status: PaymentStatus,
) -> None:  # fmt: skip
    asked = operation(K.START, sends=sends)
    await gateway_.put(payment, asked)
    gateway_.answers, gateway_.others = [answer, Snapshot("O1", S.INITIATED)], others
    current, _ = await gateway_.operations.execute(payment, asked)
    assert [name for name, _ in gateway_.asked_of] == (["stripe", "paypal"] if moves else ["stripe"])
    assert (current.provider, current.status) == ("paypal" if moves else "stripe", status)


@pytest.mark.parametrize(("wait", "patient", "seconds"), [(False, False, 25), (False, True, 115), (True, False, 25)])
async def test_payment_is_driven_by_one_at_a_time(gateway_: Gateway, wait: bool, patient: bool, seconds: int) -> None:
    await gateway_.put(payment_of(MINE))
    assert gateway_.operations.lease == CALL + MARGIN
    async with gateway_.operations.driving(MINE, wait=wait, patient=patient) as free:
        assert free
        assert gateway_.lease() == NOW + seconds * SECOND
        assert not await gateway_.operations.is_free(MINE)
        async with gateway_.operations.driving(MINE, wait=wait) as second:
            assert not second
        assert gateway_.lease() == NOW + seconds * SECOND
    assert await gateway_.operations.is_free(MINE)


async def test_lease_is_waited_for_as_often_as_there_is_time(gateway_: Gateway) -> None:
    tries: list[Any] = []

    async def take(*given: Any) -> bool:
        tries.append(given[-1])
        return False

    gateway_.ledger.operations = cast(Any, SimpleNamespace(take=take))
    async with gateway_.operations.driving(MINE, wait=True) as free:
        assert not free
    assert tries == [CALL + MARGIN] * 2
    async with gateway_.operations.driving(MINE) as free:
        assert not free
    assert len(tries) == 3


@pytest.mark.parametrize("is_left", [False, True])
async def test_lease_that_a_payment_was_stored_with_is_given_back_once(gateway_: Gateway, is_left: bool) -> None:
    await gateway_.put(payment_of(MINE))
    async with gateway_.database.session() as session:
        await gateway_.ledger.operations.take(session, MINE, BEFORE, HOUR)
    async with gateway_.operations.driven(MINE, Lease(BEFORE, is_left=is_left)):
        pass
    assert await gateway_.operations.is_free(MINE) is not is_left


@pytest.mark.parametrize(
    ("open_", "kind", "amount", "begun"),
    [
        (None, K.CAPTURE, 500, (2, 1)),
        (operation(K.CAPTURE, amount=500), K.CAPTURE, 500, (1, 2)),
        (operation(K.CAPTURE, amount=501), K.CAPTURE, 500, None),
        (operation(K.CAPTURE, amount=499), K.CAPTURE, 500, None),
        (operation(K.CANCEL, amount=500), K.CAPTURE, 500, None),
        (operation(K.CANCEL), K.CANCEL, 0, (1, 2)),
    ],
)
async def test_same_operation_is_asked_again_and_another_waits(
    gateway_: Gateway, open_: Operation | None, kind: OperationKind, amount: int, begun: Any
) -> None:
    await gateway_.put(payment_of(MINE, status=S.AUTHORIZED), *([open_] if open_ else []))
    if begun is None:
        with pytest.raises(ApiError) as refused:
            await gateway_.operations.begin(MINE, kind, R.MERCHANT, amount)
        assert refused.value.reason == "OPERATION_IN_PROGRESS"
        return
    _, wanted = await gateway_.operations.begin(MINE, kind, R.MERCHANT, amount)
    assert (wanted.operation_id == uuid.UUID(int=1)) is (begun[0] == 1)
    assert wanted.sends == begun[1]
    assert gateway_.due() == NOW + PATIENT + MARGIN


@pytest.mark.parametrize(("kind", "is_same"), [(K.CANCEL, True), (K.CAPTURE, False)])
async def test_object_is_asked_one_thing_at_a_time_whichever_attempt_asks(
    gateway_: Gateway, kind: OperationKind, is_same: bool
) -> None:
    """Another card was tried on the page that a cancel without an answer may close yet."""
    first = replace(payment_of(MINE).attempt, status=AttemptStatus.FAILED, end_time=NOW)
    second = replace(first, number=2, status=AttemptStatus.SUCCEEDED)
    await gateway_.put(payment_of(MINE, status=S.AUTHORIZED, attempts=(first, second)), operation(K.CANCEL))
    if is_same:
        _, again = await gateway_.operations.begin(MINE, kind, R.MERCHANT)
        assert (again.attempt, again.sends) == (1, 2)
    else:
        with pytest.raises(ApiError) as refused:
            await gateway_.operations.begin(MINE, kind, R.MERCHANT)
        assert refused.value.reason == "OPERATION_IN_PROGRESS"
    assert len(gateway_.asked()) == 1


async def test_what_was_done_meanwhile_is_done_and_what_speaks_against_it_is_raised(gateway_: Gateway) -> None:
    await gateway_.put(payment_of(MINE, status=S.SUCCESS, captured=1200))

    def check(_payment: Payment) -> None:
        raise ValueError("no")

    _, done = await gateway_.operations.begin(MINE, K.CAPTURE, R.MERCHANT, 1200, check)
    assert (done.status, gateway_.asked()) == (E.DONE, [])
    with pytest.raises(ValueError, match="no"):
        await gateway_.operations.begin(MINE, K.CANCEL, R.MERCHANT, 0, check)
    assert gateway_.asked() == []


async def test_who_finds_a_payment_taken_is_told_so(gateway_: Gateway) -> None:
    await gateway_.put(payment_of(MINE, status=S.AUTHORIZED))
    gateway_.answers = [snapshot(S.CANCELLED)]
    async with gateway_.operations.driving(MINE):
        with pytest.raises(ApiError) as refused:
            await gateway_.operations.operate(MINE, K.CANCEL, R.MERCHANT)
        assert refused.value.reason == "OPERATION_IN_PROGRESS"
    payment, _ = await gateway_.operations.operate(MINE, K.CANCEL, R.MERCHANT)
    assert payment.status == S.CANCELLED


@pytest.mark.parametrize(
    ("status", "approved", "unwanted", "taken", "confirms"),
    [
        (S.PROCESSING, True, False, False, True),
        (S.REQUIRES_ACTION, True, False, False, True),
        (S.PROCESSING, False, False, False, False),
        (S.PROCESSING, True, True, False, False),
        (S.PROCESSING, True, False, True, False),
        (S.FAILED, True, False, False, False),
    ],
)
async def test_money_is_taken_once_the_customer_has_approved_it(
    gateway_: Gateway, status: PaymentStatus, approved: bool, unwanted: bool, taken: bool, confirms: bool
) -> None:
    at = payment_of(MINE, status=status, unwanted=unwanted)
    await gateway_.put(at)
    if taken:
        async with gateway_.database.session() as session:
            await gateway_.ledger.operations.take(session, MINE, BEFORE, HOUR)
    gateway_.answers = [snapshot(S.SUCCESS)]
    said = fact(S.PROCESSING)
    said = replace(said, snapshot=replace(said.snapshot, approved=approved))
    await gateway_.operations.sync(at, said)
    assert gateway_.asked_of == ([("stripe", "complete")] if confirms else [])


@pytest.mark.parametrize(
    ("kind", "requester", "age", "shown", "answer", "ends", "asked"),
    [
        (K.CAPTURE, R.MERCHANT, HOUR, snapshot(S.SUCCESS), None, [E.DONE], []),
        (K.CAPTURE, R.MERCHANT, HOUR, snapshot(S.AUTHORIZED), snapshot(S.SUCCESS), [E.DONE], []),
        (K.CAPTURE, R.MERCHANT, HOUR, AWAY, SILENCE, [E.UNKNOWN], []),
        (K.CAPTURE, R.MERCHANT, KEPT - MOMENT, snapshot(S.AUTHORIZED), SILENCE, [E.UNKNOWN], []),
        (K.CAPTURE, R.MERCHANT, KEPT, snapshot(S.AUTHORIZED), None, [E.REFUSED], []),
        (K.CAPTURE, R.MERCHANT, KEPT, AWAY, None, [E.SENT], []),
        (K.CONFIRM, R.GATEWAY, KEPT, AWAY, None, [E.SENT], []),
        # what we owe ourselves is begun anew
        (K.CANCEL, R.GATEWAY, KEPT, snapshot(S.AUTHORIZED), None, [E.REFUSED, E.SENT], []),
        (K.CANCEL, R.MERCHANT, KEPT, snapshot(S.AUTHORIZED), None, [E.REFUSED], []),
        (K.CANCEL, R.GATEWAY, KEPT, ObjectNotFoundError("none"), None, [E.REFUSED], []),
        (K.CANCEL, R.GATEWAY, KEPT, snapshot(S.PROCESSING), None, [E.UNKNOWN], []),
    ],
)
async def test_operation_without_an_answer_is_looked_for_then_asked_again_while_its_key_lives(
    gateway_: Gateway, kind: OperationKind, requester: Requester, age: timedelta, shown: Any, answer: Any,
    ends: list[OperationStatus], asked: list[Any],
) -> None:  # fmt: skip
    status = S.PROCESSING if kind == K.CONFIRM else S.AUTHORIZED
    one = operation(kind, requester=requester)
    await gateway_.put(payment_of(MINE, status=status), one)
    gateway_.now, gateway_.shown, gateway_.answers = NOW + age, shown, [answer] if answer else []
    await gateway_.operations.repeat(one)
    assert [row[2] for row in gateway_.asked()] == ends
    assert len(gateway_.asked_of) == (1 if answer else 0)
    waits_for_a_person = ends == [E.SENT]
    assert [kind for kind, *_ in gateway_.questions()] == ([ReviewKind.UNKNOWN_OUTCOME] if waits_for_a_person else [])
    if waits_for_a_person:
        assert gateway_.due() == NOW + HOUR
    assert await gateway_.operations.is_free(MINE)


@pytest.mark.parametrize(("age", "found", "ends"), [
    (KEPT - MOMENT, True, E.UNKNOWN), (KEPT, True, E.DONE), (KEPT, False, E.SENT),
])  # fmt: skip
async def test_charge_without_a_name_is_looked_for_once_its_key_is_forgotten(
    gateway_: Gateway, age: timedelta, found: bool, ends: OperationStatus
) -> None:
    one = operation(K.START)
    await gateway_.put(payment_of(MINE, provider_reference="", payment_method="pm_1"), one)
    gateway_.now, gateway_.answers = NOW + age, [SILENCE]
    gateway_.found = snapshot(S.SUCCESS) if found else None
    await gateway_.operations.repeat(one)
    assert gateway_.asked()[0][2] == ends


@pytest.mark.parametrize("is_hosted", [True, False])
async def test_page_that_was_never_opened_is_given_up_and_a_charge_is_a_persons_question(
    gateway_: Gateway, is_hosted: bool
) -> None:
    one = operation(K.START)
    method = "" if is_hosted else "pm_1"
    await gateway_.put(payment_of(MINE, provider_reference="", status=S.PROCESSING, payment_method=method), one)
    gateway_.now = NOW + KEPT
    await gateway_.operations.repeat(one)
    assert (await gateway_.payment()).status == (S.FAILED if is_hosted else S.NEEDS_REVIEW)
    assert gateway_.asked()[0][2] == (E.REFUSED if is_hosted else E.SENT)
    assert len(gateway_.questions()) == (0 if is_hosted else 1)


async def test_operation_on_a_payment_that_somebody_works_on_is_asked_later(gateway_: Gateway) -> None:
    one = operation(K.CAPTURE)
    await gateway_.put(payment_of(MINE, status=S.AUTHORIZED), one)
    async with gateway_.operations.driving(MINE):
        await gateway_.operations.repeat(one)
    assert gateway_.asked_of == []
    assert gateway_.due() == NOW + 5 * SECOND
