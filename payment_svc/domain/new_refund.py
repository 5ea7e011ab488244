"""A refund that a merchant asks for, and how any refund begins: before a provider is asked. Pure: no I/O."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from mesh.money import Money
from payment_svc.domain.payment import Payment
from payment_svc.domain.refund import Refund, RefundStatus


@dataclass(frozen=True, slots=True)
class NewRefund:
    """What a merchant asks for; without an amount, all that is left."""

    merchant_id: UUID
    payment_id: UUID
    amount: Money | None
    reason: str


def pending(payment: Payment, amount: Money, reason: str, refund_id: UUID, now: datetime) -> Refund:
    """Return the first version of a refund, whoever asks for it or found it: nothing has come of it yet."""
    return Refund(
        refund_id=refund_id,
        payment_id=payment.payment_id,
        merchant_id=payment.merchant_id,
        order_id=payment.order_id,
        merchant_order_id=payment.merchant_order_id,
        amount=amount,
        status=RefundStatus.PENDING,
        reason=reason,
        provider_reference="",
        failure=None,
        version=1,
        create_time=now,
        update_time=now,
    )
