"""Who may answer a question, and which answers a provider contradicts."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest

from mesh.errors import ApiError
from mesh.money import Money
from payment_svc.domain.payment import PaymentStatus, Snapshot
from payment_svc.domain.refund import RefundSnapshot, RefundStatus
from payment_svc.domain.review import About, Resolution, Review, ReviewKind, Subject
from payment_svc.use_cases.reviews.questions import Questions
from payment_svc.use_cases.reviews.queue import Reviews
from payment_svc.use_cases.reviews.witness import Shown, check_agrees
from tests.support.providers.paypal_api import PAYMENT

NOW = datetime(2026, 1, 1, tzinfo=UTC)
A, S, R = Resolution, PaymentStatus, RefundStatus
EUR12, EUR5, USD5 = Money(1200, "EUR"), Money(500, "EUR"), Money(500, "USD")
REVIEW = Review(
    uuid.UUID(int=9), ReviewKind.AMOUNT_DIFFERS, PAYMENT.payment_id, PAYMENT.merchant_id, PAYMENT.order_id, None, 1,
    EUR5, "paypal", "", "why", NOW,
)  # fmt: skip
NOBODY = cast(Any, None)


def answered(review: Review, answer: Resolution, operator: str, limit: int = 500) -> Any:
    queue = Reviews(NOBODY, NOBODY, NOBODY, NOBODY, limit, lambda: NOW)
    try:
        return queue._answered(review, answer, operator, "seen")
    except ApiError as error:
        return error.reason


NAMES = ("ada", "zoe")
FIRST = replace(REVIEW, resolution=A.CAPTURED, resolved_by="mia", why="seen")


def both_by(name: str) -> Review:
    return replace(FIRST, confirmed_by=name, why=f"seen; {name}: seen", resolve_time=NOW)


@pytest.mark.parametrize(
    ("review", "answer", "operator", "limit", "then"),
    [
        (REVIEW, A.CAPTURED, "mia", 500, replace(FIRST, resolve_time=NOW)),
        (REVIEW, A.CAPTURED, "mia", 499, FIRST),
        (FIRST, A.CAPTURED, "mia", 499, "SECOND_PERSON_REQUIRED"),
        (FIRST, A.GIVE_BACK, "mia", 499, "SECOND_PERSON_REQUIRED"),
        (FIRST, A.CAPTURED, "mia", 500, "SECOND_PERSON_REQUIRED"),
        *((FIRST, A.CAPTURED, name, 499, both_by(name)) for name in NAMES),
        *((FIRST, other, "zoe", 499, replace(REVIEW, why="")) for other in (A.NOT_CAPTURED, A.GIVE_BACK)),
        (replace(FIRST, resolution=A.NOT_CAPTURED), A.CAPTURED, "zoe", 499, replace(REVIEW, why="")),
    ],
)  # fmt: skip
def test_much_money_takes_two_who_say_the_same(
    review: Review, answer: Resolution, operator: str, limit: int, then: Any
) -> None:
    assert answered(review, answer, operator, limit) == then


def captured(status: PaymentStatus) -> Shown:
    return Shown(1, is_reached=True, snapshot=Snapshot("x", status, EUR12))


def refund(status: RefundStatus, amount: Money | None = None) -> Shown:
    return Shown(1, is_reached=True, refund=RefundSnapshot("r", status, amount))


SILENT = Shown(1)
DISAGREES, AWAY = "PROVIDER_DISAGREES", "PROVIDER_UNAVAILABLE"


@pytest.mark.parametrize(
    ("subject", "shown", "refused"),
    [
        # what was refused for CAPTURED, NOT_CAPTURED, GIVE_BACK
        (Subject.OUTCOME, captured(S.SUCCESS), ("", DISAGREES, "")),
        (Subject.OUTCOME, captured(S.FAILED), (DISAGREES, "", DISAGREES)),
        (Subject.OUTCOME, captured(S.CANCELLED), (DISAGREES, "", DISAGREES)),
        # the order could be paid once more, and this one come after all
        (Subject.OUTCOME, captured(S.PROCESSING), ("", DISAGREES, "")),
        # it waits for our word to take the money
        (Subject.OUTCOME, Shown(1, True, snapshot=Snapshot("x", S.PROCESSING, approved=True)), ("", "", "")),
        (Subject.OUTCOME, SILENT, ("", "", "")),
        (Subject.GONE, captured(S.SUCCESS), ("", DISAGREES, DISAGREES)),
        (Subject.GONE, captured(S.FAILED), (DISAGREES, "", "")),
        (Subject.GONE, captured(S.AUTHORIZED), (DISAGREES, "", "")),
        (Subject.GONE, SILENT, (DISAGREES, "", "")),
        *((Subject.REFUND_OUTCOME, refund(one), ("", DISAGREES, DISAGREES)) for one in (R.SUCCESS, R.PENDING)),
        (Subject.REFUND_OUTCOME, refund(R.FAILED), (DISAGREES, "", "")),
        (Subject.REFUND_OUTCOME, refund(R.SUCCESS, EUR5), ("", DISAGREES, DISAGREES)),
        (Subject.REFUND_OUTCOME, refund(R.SUCCESS, Money(499, "EUR")), (DISAGREES, DISAGREES, DISAGREES)),
        (Subject.REFUND_OUTCOME, refund(R.SUCCESS, Money(501, "EUR")), (DISAGREES, DISAGREES, DISAGREES)),
        (Subject.REFUND_OUTCOME, refund(R.FAILED, Money(1, "EUR")), (DISAGREES, "", "")),
        (Subject.REFUND_OUTCOME, SILENT, ("", "", "")),
        (Subject.REFUND_AMOUNT, refund(R.SUCCESS, EUR5), ("", DISAGREES, DISAGREES)),
        (Subject.REFUND_AMOUNT, refund(R.SUCCESS, USD5), ("", "", "")),
        (Subject.REFUND_AMOUNT, refund(R.SUCCESS), ("", DISAGREES, DISAGREES)),
        (Subject.REFUND_AMOUNT, refund(R.FAILED, EUR5), (DISAGREES, "", "")),
        (Subject.REFUND_AMOUNT, SILENT, ("", AWAY, AWAY)),
        (Subject.MONEY, captured(S.SUCCESS), ("", "", "")),
    ],
)
def test_answer_that_the_provider_contradicts_is_refused(
    subject: Subject, shown: Shown, refused: tuple[str, str, str]
) -> None:
    for answer, reason in zip((A.CAPTURED, A.NOT_CAPTURED, A.GIVE_BACK), refused, strict=True):
        if reason:
            with pytest.raises(ApiError) as told:
                check_agrees(REVIEW, PAYMENT, subject, answer, shown)
            assert told.value.reason == reason, answer
        else:
            check_agrees(REVIEW, PAYMENT, subject, answer, shown)


@pytest.mark.parametrize("amount", [USD5, Money(500, "CHF")])
def test_amount_of_another_currency_is_not_taken(amount: Money) -> None:
    with pytest.raises(ApiError) as told:
        check_agrees(replace(REVIEW, amount=amount), PAYMENT, Subject.REFUND_AMOUNT, A.CAPTURED, SILENT)
    assert told.value.reason == DISAGREES


@pytest.mark.parametrize(("is_once", "answered", "asks"), [
    (True, True, False), (True, False, True), (False, True, True), (False, False, True),
])  # fmt: skip
async def test_question_that_is_answered_once_for_all_is_not_put_again(
    is_once: bool, answered: bool, asks: bool
) -> None:
    put: list[Review] = []

    async def was_answered(*_: object) -> bool:
        return answered

    async def insert(_session: object, review: Review) -> bool:
        put.append(review)
        return True

    reviews = cast(Any, SimpleNamespace(was_answered=was_answered, insert=insert))
    questions = Questions(reviews, clock=lambda: NOW, ids=lambda: uuid.UUID(int=9))
    unit = cast(Any, SimpleNamespace(session=None))
    await questions.ask(unit, PAYMENT, ReviewKind.AMOUNT_DIFFERS, "why", About(EUR5, is_once=is_once))
    expected = replace(REVIEW, provider_reference=PAYMENT.provider_reference, attempt=PAYMENT.attempt.number, held=None)
    assert put == ([expected] if asks else [])
