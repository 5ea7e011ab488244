"""What a person's answer finds and ends, step by step."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest

from mesh.errors import ApiError
from mesh.money import Money
from payment_svc.domain.operation import Operation, OperationKind, OperationStatus, Requester
from payment_svc.domain.payment import CaptureMethod, Payment, PaymentStatus, Received, Snapshot, first_attempt
from payment_svc.domain.review import Effect, Resolution, Review, ReviewKind, Subject
from payment_svc.providers.base import UnavailableError
from payment_svc.use_cases.reviews.consequences import NOT_CAPTURED, Consequences, _is_paid_by
from payment_svc.use_cases.reviews.queue import Reviews
from payment_svc.use_cases.reviews.witness import Shown, Witness
from tests.support.providers.payments import payment_at

S, K, E = PaymentStatus, OperationKind, OperationStatus
NOW = datetime(2026, 1, 1, tzinfo=UTC)
EUR12 = Money(1200, "EUR")
FIRST = replace(first_attempt("stripe", NOW), provider_reference="pi_1")
SECOND = replace(FIRST, number=2, provider_reference="pi_2")
PAYMENT = payment_at("stripe", "pi_2", attempts=(FIRST, SECOND))
REVIEW = Review(
    uuid.UUID(int=9), ReviewKind.UNKNOWN_OUTCOME, PAYMENT.payment_id, PAYMENT.merchant_id, PAYMENT.order_id, None, 2,
    EUR12, "stripe", "pi_2", "why", NOW,
)  # fmt: skip
SILENT, ABSENT = Shown(3), Shown(3, is_absent=True)
NOBODY = cast(Any, None)


def operation(kind: OperationKind, attempt: int = 2, amount: int = 1200) -> Operation:
    return Operation(
        uuid.UUID(int=1), PAYMENT.payment_id, attempt, kind, amount, E.UNKNOWN, 1, Requester.MERCHANT, None, NOW, NOW
    )


class Books:
    """A ledger in the test's hands: what is open, and what became of it."""

    def __init__(self, *known: Operation) -> None:
        self.known = known
        self.ended: list[tuple[OperationKind, OperationStatus]] = []
        self.closed: list[str] = []
        self.operations = self

    async def lock_open(self, *_: object) -> list[Operation]:
        """Return what is open."""
        return list(self.known)

    async def end(self, _session: object, ended: Operation) -> None:
        """Note what has ended."""
        self.ended.append((ended.kind, ended.status))

    async def close(self, _unit: object, payment: Payment, _attempt: object) -> None:
        """Note whose object is to be closed."""
        self.closed.append(payment.provider_reference)


def consequences(*known: Operation) -> tuple[Consequences, Books, list[Snapshot]]:
    books, said = Books(*known), list[Snapshot]()
    made = Consequences(cast(Any, books), NOBODY, NOBODY, lambda: NOW)

    async def apply(_unit: object, payment: Payment, snapshot: Snapshot) -> Payment:
        said.append(snapshot)
        return payment

    made._apply = apply  # type: ignore[assignment, method-assign]
    return made, books, said


UNIT = cast(Any, SimpleNamespace(session=None))


@pytest.mark.parametrize(
    ("status", "effect", "refused"),
    [
        (S.SUCCESS, Effect.SETTLE, False),
        (S.SUCCESS, Effect.SETTLE_AND_RETURN, False),
        (S.SUCCESS, Effect.RELEASE, True),
        *((status, Effect.SETTLE, True) for status in (S.FAILED, S.CANCELLED, S.AUTHORIZED)),
        *((status, Effect.RELEASE, False) for status in (S.FAILED, S.CANCELLED, S.AUTHORIZED, S.PROCESSING)),
        (S.PROCESSING, Effect.SETTLE, False),
    ],
)
async def test_answer_fits_what_has_become_known(status: PaymentStatus, effect: Effect, refused: bool) -> None:
    made, _, _ = consequences()
    reason = ""
    try:
        await made.check(UNIT, replace(PAYMENT, status=status), REVIEW, effect, SILENT)
    except ApiError as error:
        reason = error.reason
    assert reason == ("PROVIDER_DISAGREES" if refused else "")


@pytest.mark.parametrize(
    ("known", "method", "shown", "amount"),
    [
        ((), CaptureMethod.AUTOMATIC, SILENT, 1200),
        ((), CaptureMethod.MANUAL, SILENT, None),
        ((operation(K.CANCEL, amount=5), operation(K.CAPTURE, amount=700)), CaptureMethod.MANUAL, SILENT, 700),
        ((operation(K.CONFIRM, amount=5),), CaptureMethod.MANUAL, SILENT, None),
        ((operation(K.CAPTURE, amount=700),), CaptureMethod.MANUAL, Shown(3, snapshot=Snapshot("x", S.SUCCESS)), 0),
        ((operation(K.CAPTURE, amount=700),), CaptureMethod.MANUAL, Shown(3, snapshot=Snapshot("x", S.FAILED)), 700),
    ],
)
def test_capture_is_as_it_is_shown_else_as_it_was_asked_for(
    known: tuple[Operation, ...], method: CaptureMethod, shown: Shown, amount: int | None
) -> None:
    made, _, _ = consequences()
    payment = replace(PAYMENT, capture_method=method)
    if amount is None:
        with pytest.raises(ApiError) as refused:
            made._captured(payment, list(known), shown)
        assert refused.value.reason == "AMOUNT_NOT_KNOWN"
        return
    found = made._captured(payment, list(known), shown)
    assert (found.status, found.amount.minor if found.amount else 0) == (S.SUCCESS, amount)


async def test_what_is_asked_of_the_object_is_open_and_no_closing_of_another() -> None:
    mine = operation(K.CAPTURE), operation(K.CANCEL)
    made, _, _ = consequences(operation(K.CAPTURE, attempt=1), *mine, operation(K.SETTLE))
    assert tuple(await made._open(UNIT, PAYMENT)) == mine


@pytest.mark.parametrize(
    ("known", "shown", "said", "closes"),
    [
        (K.CAPTURE, SILENT, S.AUTHORIZED, False),
        (K.CAPTURE, ABSENT, S.FAILED, True),
        (K.CONFIRM, SILENT, S.FAILED, True),
        (K.CANCEL, SILENT, S.FAILED, True),
        *((K.CAPTURE, Shown(3, snapshot=Snapshot("pi_2", one)), one, False) for one in (S.FAILED, S.CANCELLED)),
        (K.CONFIRM, Shown(3, snapshot=Snapshot("pi_2", S.AUTHORIZED)), S.AUTHORIZED, False),
        (K.CONFIRM, Shown(3, snapshot=Snapshot("pi_2", S.PROCESSING)), S.FAILED, True),
    ],
)
async def test_what_was_not_captured_is_held_still_or_is_closed(
    known: OperationKind, shown: Shown, said: PaymentStatus, closes: bool
) -> None:
    made, books, told = consequences(operation(known))
    await made._release(UNIT, PAYMENT, shown)
    assert [one.status for one in told] == [said]
    assert books.ended == [(known, E.REFUSED)]
    assert books.closed == (["pi_2"] if closes else [])
    assert (told[0].failure == NOT_CAPTURED) is closes


@pytest.mark.parametrize(
    ("version", "snapshot", "busy"),
    [(3, True, False), (2, True, True), (2, False, False), (3, False, False)],
)
async def test_answer_is_refused_where_the_payment_has_changed_since_the_look(
    version: int, snapshot: bool, busy: bool
) -> None:
    made, _, _ = consequences()
    reviews = Reviews(NOBODY, NOBODY, NOBODY, made, 0)
    shown = Shown(version, is_reached=True, snapshot=Snapshot("pi_2", S.SUCCESS, EUR12) if snapshot else None)
    reason = ""
    try:
        assert await reviews._effect(UNIT, PAYMENT, REVIEW, Resolution.CAPTURED, shown) == Effect.SETTLE
    except ApiError as error:
        reason = error.reason
    assert reason == ("PAYMENT_BUSY" if busy else "")


@pytest.mark.parametrize("status", [S.FAILED, S.CANCELLED, S.AUTHORIZED])
async def test_what_is_known_by_now_is_not_released_again(status: PaymentStatus) -> None:
    made, books, told = consequences(operation(K.CAPTURE))
    await made._release(UNIT, replace(PAYMENT, status=status), SILENT)
    assert (told, books.ended, books.closed) == ([], [], [])


@pytest.mark.parametrize(
    ("status", "attempt", "paid"),
    [(S.SUCCESS, 2, True), (S.SUCCESS, 1, False), (S.PROCESSING, 2, False), (S.FAILED, 2, False)],
)
def test_object_has_paid_when_it_is_the_payments_own(status: PaymentStatus, attempt: int, paid: bool) -> None:
    received = Received(attempt, "stripe", "pi_2", EUR12, False)
    assert _is_paid_by(replace(PAYMENT, status=status), received) is paid


@pytest.mark.parametrize(
    ("at", "shows", "reached", "seen"),
    [
        ("pi_2", Snapshot("pi_2", S.SUCCESS), True, True),
        ("pi_2", Snapshot("", S.SUCCESS), True, True),
        ("pi_2", Snapshot("pi_9", S.SUCCESS), True, False),
        ("pi_2", UnavailableError("away"), False, False),
        ("", Snapshot("", S.SUCCESS), False, False),
        ("review:9", Snapshot("", S.SUCCESS), False, False),
    ],
)
async def test_object_is_looked_at_by_its_own_name(at: str, shows: Any, reached: bool, seen: bool) -> None:
    async def fetch(_at: Payment) -> Snapshot:
        if isinstance(shows, Exception):
            raise shows
        return cast(Snapshot, shows)

    async def by_id(*_: object) -> Any:
        return SimpleNamespace(fetch=fetch)

    witness = Witness(NOBODY, NOBODY, cast(Any, SimpleNamespace(by_id=by_id)))
    payment = replace(PAYMENT, provider_reference=at, attempts=(FIRST, replace(SECOND, provider_reference=at)))
    shown = await witness.look(REVIEW, payment, Subject.OUTCOME)
    assert (shown.is_reached, shown.snapshot is not None, shown.is_absent) == (reached, seen, False)
