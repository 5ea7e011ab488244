"""What the contract shows of a payment's and a refund's money adds up."""

from __future__ import annotations

from dataclasses import replace

import pytest

from payment_svc.contract.messages import payment_message, refund_message
from payment_svc.domain.payment import PaymentStatus, first_attempt
from tests.support.payment_books import OWED
from tests.support.providers.payments import payment_at
from tests.support.rows import NOW


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
