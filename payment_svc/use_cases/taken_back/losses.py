"""Money that is not there any more, though nobody here gave it back: it is written down as a refund that succeeded."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from mesh.events.unit_of_work import UnitOfWork
from mesh.ids import Clock, NewId, new_id, utc_now
from mesh.money import Money
from mesh.telemetry import alert, get_logger
from payment_svc.contract import events as facts
from payment_svc.domain import refund as refund_domain
from payment_svc.domain.new_refund import pending
from payment_svc.domain.payment import Payment
from payment_svc.domain.refund import TAKEN_BACK, RefundSnapshot, RefundStatus
from payment_svc.metrics import PAYMENT_TAKEN_BACK
from payment_svc.use_cases import history_entries as changes
from payment_svc.use_cases.ledger import Ledger
from payment_svc.use_cases.refunds import Refunds

log = get_logger(__name__)
REVERSED = f"{TAKEN_BACK}the provider reversed the payment"
DENIED = f"{TAKEN_BACK}the provider does not show the capture any more that it had confirmed"


class Losses:
    """Writes down what was taken back, so that the payment, its order and the merchant know of it."""

    def __init__(self, ledger: Ledger, refunds: Refunds, *, clock: Clock = utc_now, ids: NewId = new_id) -> None:
        self._ledger = ledger
        self._refunds = refunds
        self._clock = clock
        self._ids = ids

    async def is_known(self, unit: UnitOfWork, payment: Payment, reference: str) -> bool:
        """Whether what the provider calls by this name is written down already; hold the payment's row."""
        return await self._ledger.refunds.find(unit.session, payment.payment_id, reference) is not None

    async def left(self, unit: UnitOfWork, payment: Payment) -> Money:
        """Return what has not come back of a capture; hold the payment's row."""
        given = (await self._ledger.refunds.sums(unit.session, payment.payment_id)).given
        return payment.money(max(payment.captured - given, 0))

    async def write_off(self, unit: UnitOfWork, payment: Payment, reference: str, amount: Money, reason: str) -> None:
        """Store the refund as it began, and let it succeed: merchants hear of both, as of any other."""
        begun = pending(payment, amount, reason, self._ids(), self._clock())
        refund = replace(begun, provider_reference=reference, sends=0)
        taken = RefundSnapshot(reference, RefundStatus.SUCCESS, amount)
        await self._ledger.refunds.insert(unit.session, refund, timedelta(0))
        unit.add(facts.refund_event(refund), [changes.of_refund(refund)])
        await self._refunds.apply_in(
            unit, refund.refund_id, lambda current, at: refund_domain.apply(current, taken, at)
        )
        alert(PAYMENT_TAKEN_BACK, log, payment_id=payment.payment_id, order_id=payment.order_id)
