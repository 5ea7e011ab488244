"""Money that is not there any more, though nobody here gave it back: it is written down as a refund of its own."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

from mesh.events.unit_of_work import UnitOfWork
from mesh.ids import Clock, NewId, new_id, utc_now
from mesh.money import Money
from mesh.telemetry import alert, get_logger
from payment_svc.contract import events as facts
from payment_svc.domain import refund as refund_domain
from payment_svc.domain.new_refund import pending
from payment_svc.domain.payment import Payment
from payment_svc.domain.refund import TAKEN_BACK, Refund, RefundSnapshot, RefundStatus
from payment_svc.domain.review import About, ReviewKind
from payment_svc.metrics import PAYMENT_TAKEN_BACK
from payment_svc.use_cases import history_entries as changes
from payment_svc.use_cases.ledger import Ledger

log = get_logger(__name__)
REVERSED = f"{TAKEN_BACK}the provider reversed the payment"
DENIED = f"{TAKEN_BACK}the provider does not show the capture any more that it had confirmed"
ELSEWHERE = "given back at the provider, not asked for here"
ApplyIn = Callable[[UnitOfWork, UUID, refund_domain.Change], Awaitable[Refund]]
"""Changes a refund in a unit of work."""


class Losses:
    """Writes down what was given or taken back, so that the payment, its order and the merchant know of it."""

    def __init__(self, ledger: Ledger, apply_in: ApplyIn, *, clock: Clock = utc_now, ids: NewId = new_id) -> None:
        self._ledger = ledger
        self._apply_in = apply_in
        self._clock = clock
        self._ids = ids

    async def is_known(self, unit: UnitOfWork, payment: Payment, reference: str) -> bool:
        """Whether what the provider calls by this name is written down already; hold the payment's row."""
        return await self._ledger.refunds.find(unit.session, payment.payment_id, reference) is not None

    async def left(self, unit: UnitOfWork, payment: Payment, attempt: int | None = None) -> Money:
        """Return what has not come back of a capture, or of an attempt's surplus; hold the payment's row."""
        given = (await self._ledger.refunds.sums(unit.session, payment.payment_id, attempt)).given
        return payment.money(max(whole(payment, attempt) - given, 0))

    async def record(
        self, unit: UnitOfWork, payment: Payment, gone: RefundSnapshot, reason: str, attempt: int | None = None
    ) -> str:
        """Write down what the provider shows, once; hold the payment's row.

        Return why not where it is more than was there, or other money: a person is asked then.
        """
        if gone.amount is None or await self.is_known(unit, payment, gone.reference):
            return ""
        why = await self.differs(unit, payment, gone, reason, attempt)
        if not why:
            await self.write_off(unit, payment, gone, reason, attempt)
        return why

    async def differs(
        self, unit: UnitOfWork, payment: Payment, gone: RefundSnapshot, reason: str, attempt: int | None
    ) -> str:
        """Return why it cannot be written down, more than was there or other money; a person is asked then."""
        assert gone.amount is not None
        amount, left = gone.amount, await self.left(unit, payment, attempt)
        # of what failed nothing went back
        is_there = gone.status == RefundStatus.FAILED or amount.minor <= left.minor
        if amount.currency == left.currency and amount.minor > 0 and is_there:
            return ""
        verb = "taken" if reason.startswith(TAKEN_BACK) else "given"
        why = f"{amount} was {verb} back of {left}"
        about = About(amount, attempt=attempt or 0, reference=gone.reference, is_once=True)
        await self._ledger.questions.ask(unit, payment, ReviewKind.AMOUNT_DIFFERS, why, about)
        return why

    async def write_off(
        self, unit: UnitOfWork, payment: Payment, gone: RefundSnapshot, reason: str, attempt: int | None = None
    ) -> None:
        """Store the refund as it began, and as it is shown: merchants hear of both, as of any other."""
        assert gone.amount is not None
        begun = pending(payment, gone.amount, reason, self._ids(), self._clock())
        # all that goes back of an attempt's surplus is owed: what fails of it is a person's business
        refund = replace(
            begun, provider_reference=gone.reference, sends=0, attempt=attempt, is_owed=attempt is not None
        )
        await self._ledger.refunds.insert(unit.session, refund, timedelta(0))
        unit.add(facts.refund_event(refund), [changes.of_refund(refund)])
        await self._apply_in(unit, refund.refund_id, lambda current, at: refund_domain.apply(current, gone, at))
        if reason.startswith(TAKEN_BACK):
            alert(PAYMENT_TAKEN_BACK, log, payment_id=payment.payment_id, order_id=payment.order_id)

    async def write_off_rest(self, unit: UnitOfWork, payment: Payment, reference: str, reason: str) -> None:
        """Write down all that is left of a capture as taken back, under this name, unless it is known."""
        left = await self.left(unit, payment)
        if left.minor and not await self.is_known(unit, payment, reference):
            await self.write_off(unit, payment, RefundSnapshot(reference, RefundStatus.SUCCESS, left), reason)


def whole(payment: Payment, attempt: int | None) -> int:
    """Return the minor units that can go back at most: of the capture, or of an attempt's surplus."""
    return next((a.surplus for a in payment.attempts if a.number == attempt), payment.captured)
