"""When an open payment is looked up again, and when recovery gives up. Published in `docs/payments.md`."""

from __future__ import annotations

from datetime import datetime, timedelta

from payment_svc.domain.payment import Payment, PaymentStatus

CHECKS = (
    timedelta(seconds=5),
    timedelta(seconds=30),
    timedelta(minutes=2),
    timedelta(minutes=10),
    timedelta(hours=1),
)
"""The wait before each look-up; the last one repeats."""

GIVE_UP = timedelta(hours=26)
"""Longer than a hosted page lives and a provider remembers an idempotency key."""


def wait_after(checks: int) -> timedelta:
    """Return how long to wait before a further look after `checks` of them."""
    return CHECKS[max(0, min(checks, len(CHECKS) - 1))]


def wait_beside_deadline(wait: timedelta, left: timedelta) -> timedelta:
    """Return how long to wait where something is to be done when `left` is over: no longer than that.

    What fails when it is due is tried again after as long as it is late, so ever more seldom: a provider may be away
    for a day.
    """
    return min(wait, max(abs(left), CHECKS[0]))


def is_hopeless(payment: Payment, now: datetime, bound: timedelta = GIVE_UP) -> bool:
    """Whether a person has to look: the provider works on it, or does not say, for longer than anything can last.

    Counted from its last change, which is when it became PROCESSING or later: a customer may pay days after the page
    was opened.
    """
    return payment.status == PaymentStatus.PROCESSING and now - payment.update_time > bound
