"""How far the page of a link says that a customer is."""

from __future__ import annotations

import uuid
from dataclasses import replace

import pytest

from mesh.money import Money
from payment_svc.domain.payment import Payment, PaymentStatus
from payment_svc.order_port import LinkOrder, OpenedLink
from payment_svc.use_cases.checkouts import CheckoutState, _state
from tests.support.providers.paypal_api import PAYMENT

PAGE = replace(PAYMENT, status=PaymentStatus.REQUIRES_ACTION, redirect_url="https://provider.example/page")
TRANSFER = replace(PAYMENT, status=PaymentStatus.PROCESSING, redirect_url="https://provider.example/page")


@pytest.mark.parametrize(
    ("begun", "is_displaced", "state"),
    [
        (PAGE, False, CheckoutState.WAITING),
        (PAGE, True, CheckoutState.CLOSED),
        (TRANSFER, False, CheckoutState.PROCESSING),
        (TRANSFER, True, CheckoutState.PROCESSING),
    ],
)
def test_who_may_have_paid_waits_though_others_have_every_use(
    begun: Payment, is_displaced: bool, state: CheckoutState
) -> None:
    """Their payment counts when it is confirmed: told that all is over, they would pay for the same elsewhere."""
    nobody = uuid.uuid4()
    order = LinkOrder(begun.order_id, "PROCESSING", begun.payment_id)
    link = OpenedLink(
        *(nobody, nobody, "test", "https://pay.example/a", "USED_UP", Money(1200, "EUR"), "a chair", "", 2),
        expire_time=None,
        order=order,
        is_displaced=is_displaced,
    )
    assert _state(link, [begun]) == state
