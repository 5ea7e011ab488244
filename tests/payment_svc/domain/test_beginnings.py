"""What is stored first of a payment and of a refund: nothing has been done yet."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

from mesh.money import Money
from payment_svc.domain.new_payment import NewPayment, OrderCopy, Way, intent
from payment_svc.domain.new_refund import NewRefund, pending
from payment_svc.domain.payment import CaptureMethod, Payment, PaymentStatus, Route, first_attempt
from payment_svc.domain.refund import Refund, RefundStatus
from tests.support.providers.paypal_api import PAYMENT as PAYMENT_OF

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def test_new_refund_and_payment_begin_with_nothing_done() -> None:
    new = NewRefund(UUID(int=2), UUID(int=1), None, "broken")
    payment = replace(PAYMENT_OF, merchant_order_id="A-1")
    made = pending(payment, Money(500, "EUR"), new.reason, UUID(int=9), NOW)
    assert made == Refund(
        UUID(int=9), PAYMENT_OF.payment_id, PAYMENT_OF.merchant_id, PAYMENT_OF.order_id, Money(500, "EUR"),
        RefundStatus.PENDING, "broken", "", None, 1, NOW, NOW, merchant_order_id="A-1",
    )  # fmt: skip
    asked = NewPayment(
        *(UUID(int=2), UUID(int=3), "stripe", "pm_1", "https://a.example", "https://b.example", CaptureMethod.MANUAL),
        mode="test",
    )
    way = Way("stripe", UUID(int=7), Route("r", "why", ()))
    made_payment = intent(asked, OrderCopy(Money(500, "EUR"), "socks", "A-1"), UUID(int=1), way, NOW)
    assert made_payment == Payment(
        payment_id=UUID(int=1), merchant_id=UUID(int=2), order_id=UUID(int=3), provider="stripe", mode="test",
        account_id=UUID(int=7), provider_reference="", amount=Money(500, "EUR"), description="socks",
        status=PaymentStatus.INITIATED, capture_method=CaptureMethod.MANUAL, captured=0, refunded=0,
        payment_method="pm_1", return_url="https://a.example", cancel_url="https://b.example", redirect_url="",
        merchant_order_id="A-1", failure=None, version=1, create_time=NOW, update_time=NOW,
        attempts=(first_attempt("stripe", NOW, UUID(int=7)),), route=way.route,
    )  # fmt: skip
