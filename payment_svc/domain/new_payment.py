"""A payment that a merchant asks for, and the intent that is stored before a provider is asked. Pure: no I/O."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from mesh.money import Money
from payment_svc.domain.payment import CaptureMethod, Payment, PaymentStatus, Route, first_attempt


@dataclass(frozen=True, slots=True)
class NewPayment:
    """What a merchant asks for."""

    merchant_id: UUID
    order_id: UUID
    provider: str
    payment_method: str
    return_url: str
    cancel_url: str
    capture_method: CaptureMethod
    customer_country: str = ""
    mode: str = ""
    closes_page: bool = False
    """Whether it takes the place of another one whose page waits for the customer: the customer has chosen anew."""


@dataclass(frozen=True, slots=True)
class Way:
    """Where a payment begins: a provider, the merchant's own account at it if there is one, and how it was chosen."""

    provider: str
    account_id: UUID | None
    route: Route | None


@dataclass(frozen=True, slots=True)
class OrderCopy:
    """What a payment says of its order by itself."""

    amount: Money
    description: str
    merchant_order_id: str


def intent(new: NewPayment, order: OrderCopy, payment_id: UUID, way: Way, now: datetime) -> Payment:
    """Return the first version of a payment."""
    return Payment(
        payment_id=payment_id,
        merchant_id=new.merchant_id,
        order_id=new.order_id,
        merchant_order_id=order.merchant_order_id,
        provider=way.provider,
        mode=new.mode,
        account_id=way.account_id,
        provider_reference="",
        amount=order.amount,
        description=order.description,
        status=PaymentStatus.INITIATED,
        capture_method=new.capture_method,
        captured=0,
        refunded=0,
        payment_method=new.payment_method,
        return_url=new.return_url,
        cancel_url=new.cancel_url,
        redirect_url="",
        failure=None,
        version=1,
        create_time=now,
        update_time=now,
        attempts=(first_attempt(way.provider, now, way.account_id),),
        route=way.route,
    )
