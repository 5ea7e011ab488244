"""Who may say what about money: facts, answers and inferences, told apart by the pure state machine."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import pytest

from mesh.money import Money
from payment_svc.domain import operation as operations
from payment_svc.domain import payment as payments
from payment_svc.domain import payment_transitions as transitions
from payment_svc.domain import refund as refunds
from payment_svc.domain.operation import Operation, OperationKind, OperationStatus, Requester
from payment_svc.domain.payment import (
    TERMINAL,
    TRANSITIONS,
    AmountMismatchError,
    CaptureMethod,
    Fact,
    Failure,
    ForeignObjectError,
    Payment,
    PaymentStatus,
    Snapshot,
    StaleFactError,
)
from payment_svc.domain.refund import Refund, RefundSnapshot, RefundStatus

S = PaymentStatus
NOW = datetime(2026, 1, 1, tzinfo=UTC)
AMOUNT = Money(1200, "EUR")
GIVEN_UP = Failure("provider_unavailable", "no answer")
FRESH = Payment(
    payment_id=UUID(int=1),
    merchant_id=UUID(int=2),
    order_id=UUID(int=3),
    provider="stripe",
    provider_reference="",
    amount=AMOUNT,
    description="",
    status=S.INITIATED,
    capture_method=CaptureMethod.AUTOMATIC,
    captured=0,
    refunded=0,
    payment_method="",
    return_url="",
    redirect_url="",
    failure=None,
    version=1,
    create_time=NOW,
    update_time=NOW,
    attempts=(payments.first_attempt("stripe", NOW),),
)


def told(payment: Payment, attempt: int, status: PaymentStatus, reference: str) -> Payment:
    """Return the payment after a fact about one of its attempts."""
    money = AMOUNT if status in (S.SUCCESS, S.AUTHORIZED) else None
    versions = transitions.apply(payment, Fact(attempt, Snapshot(reference, status, money)), NOW)
    return versions[-1] if versions else payment


def moved() -> Payment:
    """Return a payment that went on to PayPal after Stripe gave no answer."""
    return transitions.move_on(FRESH, "paypal", GIVEN_UP, NOW)


def test_fact_of_an_attempt_before_does_not_name_the_one_under_way() -> None:
    """Case 3: a look-up at Stripe that comes late says nothing of PayPal's page."""
    late = told(told(moved(), 2, S.INITIATED, "ORDER1"), 1, S.INITIATED, "cs_1")
    assert (late.provider, late.provider_reference) == ("paypal", "ORDER1")
    assert [attempt.provider_reference for attempt in late.attempts] == ["cs_1", "ORDER1"]


def test_capture_of_an_attempt_before_settles_the_payment_that_is_open() -> None:
    won = told(told(moved(), 2, S.INITIATED, "ORDER1"), 1, S.SUCCESS, "cs_1")
    assert (won.status, won.provider, won.provider_reference, won.captured) == (S.SUCCESS, "stripe", "cs_1", 1200)
    assert [attempt.provider for attempt in transitions.to_close(won)] == ["paypal"]


def test_second_capture_is_a_surplus_of_its_attempt() -> None:
    twice = told(told(moved(), 2, S.SUCCESS, "ORDER1"), 1, S.SUCCESS, "cs_1")
    assert (twice.status, twice.provider, twice.captured) == (S.SUCCESS, "paypal", 1200)
    assert [attempt.surplus for attempt in twice.attempts] == [1200, 0]
    returned = transitions.return_surplus(twice, 1, NOW)
    assert returned
    assert [attempt.surplus for attempt in returned.attempts] == [0, 0]


def test_late_authorization_of_what_has_failed_is_held_to_be_voided() -> None:
    """Case 1: FAILED here, requires_capture there."""
    failed = replace(FRESH, status=S.FAILED)
    held = told(failed, 1, S.AUTHORIZED, "pi_1")
    assert (held.status, held.attempts[0].held) == (S.FAILED, 1200)
    assert transitions.to_close(held) == [held.attempts[0]]


def test_page_whose_start_had_no_answer_is_the_customers_turn_once_it_has_a_name() -> None:
    """It could neither be cancelled nor replaced until it expired."""
    page = replace(FRESH, payment_method="", status=S.PROCESSING)
    shown = told(page, 1, S.INITIATED, "cs_1")
    assert (shown.status, shown.provider_reference) == (S.REQUIRES_ACTION, "cs_1")
    # what is known to be worked on is not called open again by a look that came late
    paid = replace(page, provider_reference="cs_1")
    assert told(paid, 1, S.INITIATED, "cs_1").status == S.PROCESSING


@pytest.mark.parametrize("ended", [S.CANCELLED, S.FAILED])
def test_hold_that_was_seen_before_the_end_is_looked_at_again(ended: PaymentStatus) -> None:
    """An event's look may run beside the void that lets the money go, and end after it."""
    seen = replace(FRESH, status=S.AUTHORIZED, capture_method=CaptureMethod.MANUAL)
    over = replace(seen, status=ended, version=seen.version + 1)
    fact = Fact(1, Snapshot("pi_1", S.AUTHORIZED, AMOUNT), seen.version)
    with pytest.raises(StaleFactError):
        transitions.apply(over, fact, NOW)
    again = transitions.apply(over, replace(fact, seen=over.version), NOW)
    assert [one.attempts[0].held for one in again] == [1200]


def test_inference_counts_only_for_the_version_that_it_was_made_from() -> None:
    processing = told(FRESH, 1, S.PROCESSING, "pi_1")
    verdict = Snapshot("", S.FAILED, failure=GIVEN_UP)
    assert transitions.conclude(processing, FRESH.version, verdict, NOW) == []
    assert transitions.conclude(told(FRESH, 1, S.SUCCESS, "pi_1"), 3, verdict, NOW) == []
    assert [one.status for one in transitions.conclude(processing, processing.version, verdict, NOW)] == [S.FAILED]


def test_object_of_another_name_changes_nothing() -> None:
    with pytest.raises(ForeignObjectError):
        told(told(FRESH, 1, S.PROCESSING, "pi_1"), 1, S.SUCCESS, "pi_2")


REFUND = Refund(
    *(UUID(int=4), UUID(int=1), UUID(int=2), UUID(int=3), Money(500, "EUR"), RefundStatus.PENDING, "", ""),
    *(None, 1, NOW, NOW),
)


def test_late_refusal_takes_back_nothing_that_the_refund_has_shown() -> None:
    """Case 4: a first try that ended in a late 429, after recovery had brought the refund through."""
    made = refunds.apply(REFUND, RefundSnapshot("re_1", RefundStatus.SUCCESS, Money(500, "EUR")), NOW)
    assert made
    assert refunds.not_sent(made, REFUND.version, GIVEN_UP, NOW) is None
    assert refunds.refuse(made, GIVEN_UP, NOW) is None


def test_try_that_was_not_sent_says_nothing_of_the_one_before() -> None:
    assert refunds.not_sent(REFUND, 1, GIVEN_UP, NOW)
    assert refunds.not_sent(replace(REFUND, sends=2), 1, GIVEN_UP, NOW) is None


def test_refund_that_was_refused_and_is_made_counts_as_made() -> None:
    refused = refunds.refuse(REFUND, GIVEN_UP, NOW)
    assert refused
    made = refunds.apply(refused, RefundSnapshot("re_1", RefundStatus.SUCCESS), NOW)
    assert made
    assert made.status == RefundStatus.SUCCESS


def _operation(kind: OperationKind, amount: int = 1200) -> Operation:
    status, who = OperationStatus.SENT, Requester.MERCHANT
    return Operation(UUID(int=9), FRESH.payment_id, 1, kind, amount, status, 1, who, None, NOW, NOW)


@pytest.mark.parametrize(
    ("kind", "amount", "status", "captured", "ended"),
    [
        (OperationKind.CAPTURE, 1200, S.SUCCESS, 1200, OperationStatus.DONE),
        (OperationKind.CAPTURE, 1200, S.SUCCESS, 400, OperationStatus.REFUSED),
        (OperationKind.CAPTURE, 1200, S.CANCELLED, 0, OperationStatus.REFUSED),
        (OperationKind.CAPTURE, 1200, S.AUTHORIZED, 0, None),
        (OperationKind.CANCEL, 0, S.CANCELLED, 0, OperationStatus.DONE),
        (OperationKind.CANCEL, 0, S.SUCCESS, 1200, OperationStatus.REFUSED),
        (OperationKind.CANCEL, 0, S.AUTHORIZED, 0, None),
        (OperationKind.CONFIRM, 0, S.PROCESSING, 0, None),
        (OperationKind.CONFIRM, 0, S.SUCCESS, 1200, OperationStatus.DONE),
    ],
)
def test_operation_is_done_when_the_provider_did_what_was_asked(
    kind: OperationKind, amount: int, status: PaymentStatus, captured: int, ended: OperationStatus | None
) -> None:
    """Cases 14 and 15."""
    payment = replace(FRESH, status=status, captured=captured, provider_reference="pi_1")
    assert operations.outcome(_operation(kind, amount), payment) == ended


def test_further_try_at_the_same_object_ends_what_was_asked_of_it() -> None:
    """A card was declined and another one accepted: the confirmation of the first try is done by the second."""
    waiting = told(FRESH, 1, S.REQUIRES_ACTION, "or_1")
    declined = Snapshot("or_1", S.REQUIRES_ACTION, failure=Failure("card_declined", "the card was declined"))
    [declined_once] = transitions.apply(waiting, Fact(1, declined), NOW)
    paid = told(declined_once, 1, S.SUCCESS, "or_1")
    assert paid.attempt.number == 2
    assert payments.is_current(paid, 1)
    assert not payments.is_current(told(moved(), 2, S.SUCCESS, "or_2"), 1)
    assert operations.outcome(_operation(OperationKind.CANCEL), paid) == OperationStatus.REFUSED


def test_payment_that_has_failed_does_not_tell_whether_its_object_is_closed() -> None:
    """A person may have said so: what the gateway closes, only the object ends. A merchant's cancel came too late."""
    failed, cancel = replace(FRESH, status=S.FAILED, provider_reference="pi_1"), _operation(OperationKind.CANCEL)
    assert operations.outcome(replace(cancel, requester=Requester.GATEWAY), failed) is None
    assert operations.outcome(cancel, failed) == OperationStatus.REFUSED


def test_two_calls_never_share_a_key() -> None:
    """Case 9, and rule 3."""
    kinds = [_operation(kind) for kind in OperationKind]
    others = [replace(kinds[0], operation_id=UUID(int=10)), replace(kinds[0], attempt=2)]
    keys = [one.key for one in (*kinds, *others)]
    assert len(set(keys)) == len(keys)


@pytest.mark.parametrize("status", [S.AUTHORIZED, S.CANCELLED, S.FAILED, S.SUCCESS])
def test_page_that_turns_out_to_have_ended_is_not_the_customers_turn(status: PaymentStatus) -> None:
    """Only one that is open waits for the customer."""
    unanswered = replace(FRESH, status=S.PROCESSING)
    assert told(unanswered, 1, status, "cs_1").status == status
    assert told(unanswered, 1, S.INITIATED, "cs_1").status == S.REQUIRES_ACTION


@pytest.mark.parametrize("status", [S.INITIATED, S.REQUIRES_ACTION, S.PROCESSING, S.AUTHORIZED, S.NEEDS_REVIEW])
def test_what_another_provider_has_of_an_attempt_before_is_closed_while_the_payment_goes_on(
    status: PaymentStatus,
) -> None:
    left = replace(told(told(moved(), 1, S.INITIATED, "cs_1"), 2, S.INITIATED, "ORDER1"), status=status)
    assert [attempt.number for attempt in transitions.to_close(left)] == [1]


@pytest.mark.parametrize("status", [S.INITIATED, S.REQUIRES_ACTION, S.PROCESSING, S.AUTHORIZED, S.NEEDS_REVIEW])
def test_earlier_object_at_the_same_provider_is_closed_once_the_payment_is_paid(status: PaymentStatus) -> None:
    first = replace(FRESH.attempts[0], provider_reference="cs_1")
    open_payment = replace(
        FRESH,
        status=status,
        provider_reference="cs_2",
        attempts=(first, replace(first, number=2, provider_reference="cs_2")),
    )
    assert transitions.to_close(open_payment) == []
    assert transitions.to_close(replace(open_payment, status=S.SUCCESS)) == [first]


def test_attempt_under_way_is_over_when_the_one_before_has_taken_the_money() -> None:
    paid = told(told(moved(), 2, S.INITIATED, "ORDER1"), 1, S.SUCCESS, "cs_1")
    *_, last, winner = paid.attempts
    assert (last.number, last.status, last.failure and last.failure.code) == (
        *(2, payments.AttemptStatus.FAILED),
        "superseded",
    )
    assert (winner.number, winner.status, winner.provider) == (3, payments.AttemptStatus.SUCCEEDED, "stripe")


DEPTH = 9
REFERENCES = {"stripe": "cs_1", "paypal": "ORDER1"}


def _steps(payment: Payment) -> Iterator[tuple[str, Payment]]:
    """Yield what the four speakers may say next, and the payment after it."""
    for attempt in payment.attempts:
        for status in (S.INITIATED, S.REQUIRES_ACTION, S.PROCESSING, S.AUTHORIZED, S.SUCCESS, S.FAILED, S.CANCELLED):
            yield f"{attempt.number}:{status}", told(payment, attempt.number, status, REFERENCES[attempt.provider])
    for version in (payment.version, payment.version - 1):
        for status in (S.PROCESSING, S.FAILED, S.NEEDS_REVIEW):
            concluded = transitions.conclude(payment, version, Snapshot("", status, failure=GIVEN_UP), NOW)
            yield f"silence:{version == payment.version}:{status}", concluded[-1] if concluded else payment
    if payment.provider == "stripe" and len(payment.attempts) == 1 and payment.status not in TERMINAL:
        yield "moved", transitions.move_on(payment, "paypal", GIVEN_UP, NOW)
    for attempt in payment.attempts:
        yield "returned", transitions.return_surplus(payment, attempt.number, NOW) or payment


def _check(before: Payment, said: str, after: Payment) -> None:
    """Hold a step to what must never break."""
    assert after is before or after.version > before.version
    assert after.status == before.status or after.status in TRANSITIONS[before.status] or before.status == S.INITIATED
    assert before.status != S.SUCCESS or (after.status, after.captured) == (S.SUCCESS, before.captured)
    assert (after.status == S.SUCCESS) == (after.captured > 0)
    if said.startswith("silence"):
        assert before.status not in TERMINAL or after is before
        assert "False" not in said or after is before
    number, _, status = said.partition(":")
    if status == S.SUCCESS:
        # a capture is never lost: it settles the payment, or is a surplus of its attempt
        attempt = next(a for a in after.attempts if a.number == int(number))
        settled = (after.provider, after.provider_reference) == (attempt.provider, REFERENCES[attempt.provider])
        assert (after.status == S.SUCCESS and settled) or attempt.surplus == AMOUNT.minor


def test_no_reachable_state_loses_money_or_takes_silence_for_a_fact() -> None:
    """Explore every order of what may be said of two attempts, to a stated depth."""

    def shape(payment: Payment) -> Payment:
        return replace(payment, version=1)

    seen, frontier, steps = {shape(FRESH)}, [FRESH], 0
    for _ in range(DEPTH):
        following = []
        for payment in frontier:
            for said, after in _steps(payment):
                steps += 1
                _check(payment, said, after)
                if shape(after) not in seen:
                    seen.add(shape(after))
                    following.append(after)
        frontier = following
    sys.stdout.write(f"{len(seen)} states, {steps} steps, depth {DEPTH}\n")
    assert len(seen) > 100


def test_other_money_is_refused_wherever_it_comes() -> None:
    other = Fact(1, Snapshot("cs_1", S.SUCCESS, Money(1300, "EUR")))
    with pytest.raises(AmountMismatchError):
        transitions.apply(moved(), other, NOW)


@pytest.mark.parametrize("owed", [True, False])
@pytest.mark.parametrize(
    ("payment", "status"),
    [
        (moved(), S.INITIATED),
        (replace(FRESH, status=S.CANCELLED), S.CANCELLED),
        (replace(FRESH, status=S.PROCESSING), S.FAILED),
    ],
    ids=["moved on", "ended", "under way"],
)
def test_other_money_that_was_turned_down_ends_only_what_waited_for_it(
    payment: Payment, status: PaymentStatus, owed: bool
) -> None:
    with pytest.raises(AmountMismatchError) as raised:
        transitions.apply(payment, Fact(1, Snapshot("cs_1", S.SUCCESS, Money(1300, "EUR"))), NOW)
    received = raised.value.received
    assert received is not None
    (after,) = transitions.turn_down(payment, received, GIVEN_UP, NOW, owed=owed)
    first = after.attempts[0]
    assert (after.status, after.captured, after.version) == (status, 0, payment.version + 1)
    assert (first.surplus, first.held, first.provider_reference) == (1300 if owed else 0, 0, "cs_1")


def test_object_belongs_to_the_attempt_of_its_name_else_to_the_newest_at_its_account() -> None:
    one = replace(FRESH.attempts[0], provider="paypal", provider_reference="first")
    other = replace(one, number=2, provider_reference="second")
    stranger = replace(one, number=3, account_id=UUID(int=5), provider_reference="third")
    payment = replace(FRESH, attempts=(one, other, stranger))
    assert payments.attempt_of(payment, "paypal", None, "first") == one
    assert payments.attempt_of(payment, "paypal", None, "unheard of") == other
    assert payments.attempt_of(payment, "paypal", UUID(int=5), "first") == stranger
    assert payments.attempt_of(payment, "stripe", None, "first") is None


def test_key_of_an_operation_is_its_own() -> None:
    operation = replace(_operation(OperationKind.CAPTURE), operation_id=UUID(int=0xABC), attempt=2)
    assert operation.key == f"{operation.payment_id}:2:capture:000000000abc"
