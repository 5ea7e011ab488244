"""An order, its states, and the one function that moves it between them. Pure: no I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from mesh.money import Money


class OrderStatus(StrEnum):
    """Where an order stands; the names are the contract's."""

    NEW = "NEW"
    PROCESSING = "PROCESSING"
    SUCCESS = "SUCCESS"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"
    EXPIRED = "EXPIRED"
    PARTIALLY_REFUNDED = "PARTIALLY_REFUNDED"
    REFUNDED = "REFUNDED"


TRANSITIONS: Mapping[OrderStatus, frozenset[OrderStatus]] = {
    OrderStatus.NEW: frozenset(
        {OrderStatus.PROCESSING, OrderStatus.CANCELLED, OrderStatus.EXPIRED, OrderStatus.SUCCESS}
    ),
    OrderStatus.PROCESSING: frozenset({OrderStatus.SUCCESS, OrderStatus.FAILED}),
    OrderStatus.FAILED: frozenset({OrderStatus.PROCESSING, OrderStatus.SUCCESS, OrderStatus.EXPIRED}),
    OrderStatus.SUCCESS: frozenset({OrderStatus.PARTIALLY_REFUNDED, OrderStatus.REFUNDED}),
    OrderStatus.PARTIALLY_REFUNDED: frozenset({OrderStatus.REFUNDED, OrderStatus.SUCCESS}),
    OrderStatus.REFUNDED: frozenset({OrderStatus.PARTIALLY_REFUNDED, OrderStatus.SUCCESS}),
    OrderStatus.CANCELLED: frozenset(),
    OrderStatus.EXPIRED: frozenset(),
}
"""Every legal step. A refund that fails late lowers what was refunded, hence the way back from REFUNDED. What is
paid was reserved before, but a restored database may know nothing of that: hence from NEW to SUCCESS."""

PAYABLE = frozenset({OrderStatus.NEW, OrderStatus.FAILED})
UNPAID = PAYABLE | {OrderStatus.PROCESSING}
SETTLED = frozenset({OrderStatus.SUCCESS, OrderStatus.PARTIALLY_REFUNDED, OrderStatus.REFUNDED})
OVER = frozenset({OrderStatus.CANCELLED, OrderStatus.EXPIRED})
"""What no capture can settle any more."""


class IllegalTransitionError(Exception):
    """A step that `TRANSITIONS` does not allow."""


@dataclass(frozen=True, slots=True)
class Order:
    """What a merchant wants to be paid for."""

    order_id: UUID
    merchant_id: UUID
    merchant_order_id: str
    amount: Money
    status: OrderStatus
    description: str
    metadata: Mapping[str, str]
    payment_id: UUID | None
    payment_version: int
    """The newest version of its payment whose refunds were applied: an older one is stale."""
    version: int
    create_time: datetime
    update_time: datetime
    expire_time: datetime
    create_trace_id: str
    """The trace of the request that created it."""
    refunded: int = 0
    """Minor units that were given back, by the version of its payment in `refunded_version`."""
    refunded_version: int = 0
    payment_link_id: UUID | None = None
    """The link that it is an order of."""
    link_checkout: str = ""
    """Which browser's it is, of those that pay the link; of one for one payment, everybody's."""
    captured: int | None = None
    """Minor units that its payment captured; None where a version of this service settled it that did not note them."""

    @property
    def paid(self) -> int:
        """Minor units that were paid, of an order that is settled: its amount where nothing else is known."""
        return self.amount.minor if self.captured is None else self.captured

    @property
    def given_back(self) -> int | None:
        """Minor units that were given back; None where a version of this service applied them that did not count."""
        if self.status not in (OrderStatus.PARTIALLY_REFUNDED, OrderStatus.REFUNDED):
            return 0
        if self.refunded_version == self.payment_version and self.refunded:
            return self.refunded
        return self.paid if self.status == OrderStatus.REFUNDED else None


@dataclass(frozen=True, slots=True)
class Capture:
    """A capture that the provider confirmed, as the payment service published it."""

    payment_id: UUID
    amount: Money
    """What the payment is of."""
    captured: int | None = None
    """Minor units of it that were captured, where that is told."""


def transition(order: Order, to: OrderStatus, now: datetime, payment_id: UUID | None = None) -> Order:
    """Return the order one step on: new status, version + 1. Raises IllegalTransitionError."""
    if to not in TRANSITIONS[order.status]:
        raise IllegalTransitionError(f"an order cannot go from {order.status} to {to}")
    return replace(
        order, status=to, payment_id=payment_id or order.payment_id, version=order.version + 1, update_time=now
    )


def hand_over(order: Order, payment_id: UUID, now: datetime) -> Order:
    """Return the order taken by another payment, after the one that had it was closed for that."""
    return replace(order, payment_id=payment_id, version=order.version + 1, update_time=now)


def settle(order: Order, capture: Capture, now: datetime) -> Order | None:
    """Return the order after a confirmed capture; None when it was already known.

    Where only how much was captured is new, the order's version stays.

    Raises IllegalTransitionError when the money does not fit the order: a second capture, an order that was cancelled
    or expired, or another amount. Such a capture changes no order; the payment service gives it back.
    """
    if order.status in SETTLED:
        if order.payment_id == capture.payment_id:
            is_new = order.captured is None and capture.captured is not None
            return replace(order, captured=capture.captured) if is_new else None
        # also where refunds have a way back to SUCCESS: that is of the payment which settled it
        raise IllegalTransitionError(f"the order is {order.status} by payment {order.payment_id}")
    if capture.amount != order.amount:
        raise IllegalTransitionError(f"captured {capture.amount} for an order of {order.amount}")
    return replace(transition(order, OrderStatus.SUCCESS, now, capture.payment_id), captured=capture.captured)


@dataclass(frozen=True, slots=True)
class Refunded:
    """What was refunded of a payment in all, as the payment service published it."""

    payment_id: UUID
    payment_version: int
    captured: Money
    refunded: int
    is_surplus: bool = False
    """Whether its capture settled no order: what is given back of it concerns none."""


def refund(order: Order, total: Refunded, now: datetime) -> Order | None:
    """Return the order after the sum of its payment's refunds changed; None when it is stale.

    Where nothing that is shown of the order changes, its version stays: only the payment's version is stored. What is
    given back of a capture that did not settle the order concerns it no more than the capture did.
    """
    if order.status in OVER or total.is_surplus:
        return None
    if order.payment_id != total.payment_id or total.payment_version <= order.payment_version:
        return None
    if total.refunded == 0:
        status = OrderStatus.SUCCESS
    elif total.refunded < total.captured.minor:
        status = OrderStatus.PARTIALLY_REFUNDED
    else:
        status = OrderStatus.REFUNDED
    changed = order if status == order.status else transition(order, status, now)
    version = total.payment_version
    known = replace(
        changed,
        payment_version=version,
        refunded=total.refunded,
        refunded_version=version,
        captured=total.captured.minor,
    )
    if status == order.status and known.given_back != order.given_back:
        # one more part of it: whoever follows the order by its versions is told
        return replace(known, version=order.version + 1, update_time=now)
    return known


def fail(order: Order, payment_id: UUID, now: datetime) -> Order | None:
    """Return the order after its payment failed; None when the order has moved on or belongs to another payment."""
    if order.status != OrderStatus.PROCESSING or order.payment_id != payment_id:
        return None
    return transition(order, OrderStatus.FAILED, now)


LINK_ORDER_LIFETIME = timedelta(hours=1)
"""How long an order of a link waits for its payment to start, or to be tried again."""
LINK_HOLD, HOLD_MARGIN = timedelta(minutes=15), timedelta(minutes=1)
"""How long an order of a link that nobody has paid holds a use. For as much more it is counted, as clocks differ."""
BEING_PAID = frozenset({OrderStatus.NEW, OrderStatus.PROCESSING})
HOLDS_USE = BEING_PAID | SETTLED
"""An order of a link that may hold a use. One that failed does not, and comes back only while a use is free."""
MAX_OF_SOURCE = 10
"""How many orders of a link one network begins in the time that each holds a use; of few uses half at the most."""
TURN = timedelta(minutes=5)
"""How long nobody but the browser that chose a provider changes it: whoever has the address could close its page."""


class LinkStatus(StrEnum):
    """Whether a payment link can be paid; the names are the contract's."""

    ACTIVE = "ACTIVE"
    USED_UP = "USED_UP"
    EXPIRED = "EXPIRED"
    DISABLED = "DISABLED"


@dataclass(frozen=True, slots=True)
class PaymentLink:
    """An address that asks for a payment."""

    payment_link_id: UUID
    merchant_id: UUID
    account_id: UUID
    """The merchant itself, where `merchant_id` is another one in each mode."""
    mode: str
    token: str
    """The secret part of its address."""
    amount: Money
    description: str
    merchant_order_id: str
    metadata: Mapping[str, str]
    return_url: str
    max_uses: int
    enabled: bool
    create_time: datetime
    update_time: datetime
    expire_time: datetime | None

    def status(self, taken: int, now: datetime) -> LinkStatus:
        """Return whether it can be paid when so many of its uses are taken."""
        if not self.enabled:
            return LinkStatus.DISABLED
        if taken >= self.max_uses:
            return LinkStatus.USED_UP
        if self.expire_time and self.expire_time <= now:
            return LinkStatus.EXPIRED
        return LinkStatus.ACTIVE

    def checkout(self, browser: str) -> str:
        """Return whose checkout it is: of a link for one payment everybody's, so that nobody pays it again."""
        return "" if self.max_uses == 1 else browser

    @property
    def max_of_source(self) -> int:
        """How many unpaid orders of it one network may have begun lately."""
        return max(1, min(MAX_OF_SOURCE, self.max_uses // 2))

    def order_expiry(self, now: datetime, lifetime: timedelta) -> datetime:
        """Return until when an order of it that is made now may be paid, where orders live so long."""
        latest = now + min(lifetime, LINK_ORDER_LIFETIME)
        return min(latest, self.expire_time) if self.expire_time else latest


@dataclass(frozen=True, slots=True)
class Uses:
    """How often a link was used: `taken` is what was paid or is held, `paid` the part that was paid."""

    taken: int = 0
    paid: int = 0


@dataclass(frozen=True, slots=True)
class Turn:
    """Who chose last where an order of a link is paid."""

    browser: str
    provider: str
    time: datetime

    def closes_to(self, browser: str, provider: str, now: datetime) -> bool:
        """Whether a browser may not choose this provider yet: it would close the page that another one is at."""
        return browser != self.browser and provider != self.provider and now < self.time + TURN


def holds_use(order: Order, now: datetime) -> bool:
    """Whether an order holds a use of its link: for good when it was paid, for a while when it is being paid."""
    return order.status in SETTLED or (order.status in BEING_PAID and now < order.create_time + LINK_HOLD)


def counted_since(now: datetime) -> datetime:
    """Return since when orders of a link that nobody has paid yet are counted among its uses."""
    return now - LINK_HOLD - HOLD_MARGIN


def goes_on(order: Order, now: datetime) -> bool:
    """Whether a checkout stays with an order of its link: while it can be paid or is, and when it was paid."""
    if order.status in PAYABLE:
        return order.expire_time > now
    return order.status not in OVER
