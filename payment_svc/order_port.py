"""The order service, as the payment service sees it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from mesh.errors import failed_precondition
from mesh.money import Money
from mesh.storage.history import Entry
from payment_svc.domain.new_payment import OrderCopy
from payment_svc.domain.payment import Payment


@dataclass(frozen=True, slots=True)
class PayableOrder:
    """What a payment needs to know of its order. `status` is the contract's word."""

    order_id: UUID
    amount: Money
    description: str
    status: str
    expire_time: datetime
    payment_id: UUID | None = None
    """The payment that has taken it; None while there was none."""
    merchant_order_id: str = ""

    @property
    def copied(self) -> OrderCopy:
        """What a payment says of it by itself."""
        return OrderCopy(self.amount, self.description, self.merchant_order_id)

    def check_payable(self, now: datetime, *, replaced: bool = False) -> None:
        """Raise ApiError FAILED_PRECONDITION when no payment can be started now; the reservation decides finally.

        With `replaced` the payment that has taken the order is to be closed for this one.
        """
        if self.status == "PROCESSING" and not replaced:
            which = {"payment_id": str(self.payment_id)} if self.payment_id else {}
            words = f"another payment of this order is under way{''.join(f': {one}' for one in which.values())}"
            raise failed_precondition("PAYMENT_IN_PROGRESS", words, order_id=str(self.order_id), **which)
        if self.status not in ("NEW", "FAILED", "PROCESSING"):
            raise failed_precondition("ORDER_NOT_PAYABLE", f"the order is {self.status} and cannot be paid")
        if self.expire_time <= now:
            raise failed_precondition("ORDER_NOT_PAYABLE", "the order has expired and cannot be paid")


@dataclass(frozen=True, slots=True)
class LinkOrder:
    """An order of a payment link. `status` is the contract's word."""

    order_id: UUID
    status: str
    payment_id: UUID | None


@dataclass(frozen=True, slots=True)
class OpenedLink:
    """A payment link as who opens it finds it, with the order that is shown. `status` is the contract's word."""

    merchant_id: UUID
    account_id: UUID
    mode: str
    url: str
    status: str
    amount: Money
    description: str
    return_url: str
    max_uses: int
    expire_time: datetime | None
    order: LinkOrder | None
    is_displaced: bool = False
    """Whether the order has waited so long that others have every use."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """Who pays a link, and where: a browser, its network, and the provider that was chosen."""

    checkout: str
    provider: str
    source: str


class LinkClient(Protocol):
    """What the use cases ask of payment links. Both raise ApiError with the order service's own reason."""

    async def find_link(self, token: str, checkout: str, order_id: UUID | None) -> OpenedLink:
        """Return a link with the named order, or with the one that the checkout made last."""
        ...

    async def take_link(self, token: str, chosen: Chosen) -> OpenedLink:
        """Return a link with the order that the checkout pays; a new one takes a use of it."""
        ...


class OrderClient(Protocol):
    """What the use cases ask of the order service. All raise ApiError with the order service's own reason."""

    async def get(self, order_id: UUID) -> PayableOrder:
        """Return the calling merchant's order."""
        ...

    async def reserve(self, payment: Payment, replaces: UUID | None) -> None:
        """Take the order for this payment, from one that was closed for it where there is one; again is harmless."""
        ...

    async def settle(self, payment: Payment) -> bool:
        """Settle the order by this payment's capture; return False when it was settled otherwise, or has ended."""
        ...

    async def changes(self, merchant_id: UUID, order_id: UUID, skip: int, most: int) -> list[Entry]:
        """Return what happened to a merchant's order, oldest first: without the first `skip`, at most so many."""
        ...
