"""What the contract shows of a payment's and a refund's money adds up."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from mesh.storage.history import Change, Entry, Origin
from payment_svc.contract.messages import payment_message, refund_message
from payment_svc.contract.operator_messages import entry_message
from payment_svc.domain.payment import AttemptStatus, CaptureMethod, Fact, PaymentStatus, Snapshot, first_attempt
from payment_svc.domain.payment_transitions import apply
from tests.support.payment_books import OWED
from tests.support.providers.payments import payment_at
from tests.support.rows import NOW

DAY = timedelta(days=1)


@pytest.mark.parametrize(("surpluses", "shown"), [((0, 0), ""), ((1200, 0), "12.00"), ((1200, 5), "12.05")])
def test_what_attempts_took_beside_the_capture_is_shown_until_it_went_back(
    surpluses: tuple[int, int], shown: str
) -> None:
    first = first_attempt("stripe", NOW)
    attempts = tuple(replace(first, number=number, surplus=one) for number, one in enumerate(surpluses, 1))
    payment = payment_at("stripe", "pi_1", status=PaymentStatus.SUCCESS, captured=1200, attempts=attempts)
    message = payment_message(payment)
    assert message.captured_amount.value == "12.00"
    assert message.HasField("surplus_amount") == bool(shown)
    assert message.surplus_amount.value == shown


@pytest.mark.parametrize("attempt", [None, 1, 2])
def test_refund_of_what_is_in_no_capture_is_told_from_the_others(attempt: int | None) -> None:
    assert refund_message(replace(OWED, attempt=attempt)).of_surplus is (attempt is not None)


@pytest.mark.parametrize(("statuses", "taken"), [
    ((), None),
    ((PaymentStatus.AUTHORIZED,), None),
    ((PaymentStatus.FAILED,), None),
    ((PaymentStatus.SUCCESS,), 1),
    ((PaymentStatus.AUTHORIZED, PaymentStatus.SUCCESS), 2),
    ((PaymentStatus.FAILED, PaymentStatus.SUCCESS), 2),
])  # fmt: skip
@pytest.mark.parametrize("method", CaptureMethod)
def test_capture_is_of_the_time_when_the_money_was_taken(
    method: CaptureMethod, statuses: tuple[PaymentStatus, ...], taken: int | None
) -> None:
    """By hand it is days after the attempt has succeeded; of a payment that had failed it is when the money showed."""
    payment = payment_at("stripe", "pi_1", capture_method=method)
    for day, status in enumerate(statuses, 1):
        snapshot = Snapshot("pi_1", status, None if status == PaymentStatus.FAILED else payment.amount)
        payment = apply(payment, Fact(payment.attempt.number, snapshot), NOW + day * DAY)[-1]
    for one in (payment, replace(payment, refunded=5, version=9)):
        assert one.capture_time == (None if taken is None else NOW + taken * DAY)
        assert payment_message(one).HasField("capture_time") == (taken is not None)


@pytest.mark.parametrize(("method", "is_known"), [(CaptureMethod.AUTOMATIC, True), (CaptureMethod.MANUAL, False)])
def test_capture_that_the_version_before_heard_of_has_no_wrong_time(method: CaptureMethod, is_known: bool) -> None:
    attempt = replace(first_attempt("stripe", NOW), status=AttemptStatus.SUCCEEDED, end_time=NOW)
    payment = payment_at(
        "stripe", "pi_1", status=PaymentStatus.SUCCESS, captured=1200, capture_method=method, attempts=(attempt,)
    )
    assert payment.capture_time == (NOW if is_known else None)


@pytest.mark.parametrize(
    ("stored", "shown"),
    [("reconciler", "recovery"), ("recovery", "recovery"), ("CreatePayment", "CreatePayment")],
)
def test_what_recovery_did_is_said_in_one_word_also_where_it_was_stored_by_another(stored: str, shown: str) -> None:
    change = Change(UUID(int=1), "payment", "2", 1, "SUCCESS", NOW)
    assert entry_message(Entry(change, Origin("gateway", stored, "trace"))).cause == shown
