"""Has the order service say whether a capture settles its order, where that is in doubt; what does not goes back.

What settles it leaves no other payment of the order open.
"""

from __future__ import annotations

from dataclasses import replace

import grpc

from mesh.errors import ApiError
from mesh.events.unit_of_work import UnitOfWork
from mesh.ids import Clock
from payment_svc.contract import events as facts
from payment_svc.domain import operation as operation_domain
from payment_svc.domain.operation import Operation, OperationStatus
from payment_svc.domain.payment import LIVE, Payment, PaymentStatus
from payment_svc.domain.review import About, ReviewKind
from payment_svc.order_port import OrderClient
from payment_svc.use_cases.ledger import Ledger

ORPHANED = "its order is nowhere: the database of orders may have been restored from a backup that was made before"


class Settlements:
    """Carries out operations of kind SETTLE."""

    def __init__(self, ledger: Ledger, orders: OrderClient, clock: Clock) -> None:
        self._ledger = ledger
        self._orders = orders
        self._clock = clock

    async def settle(self, payment: Payment, operation: Operation) -> None:
        """Ask, and store the answer. What has not captured yet is asked about once it has.

        Whose order is nowhere is a person's business: it was paid, and nobody knows for what. Raises ApiError.
        """
        if payment.status in LIVE:
            return
        try:
            settled = payment.status != PaymentStatus.SUCCESS or await self._orders.settle(payment)
        except ApiError as error:
            if error.code != grpc.StatusCode.NOT_FOUND:
                raise
            about = About(payment.money(payment.captured))
            await self._ledger.ask_a_person(payment, ReviewKind.SURPLUS_KEPT, ORPHANED, about)
            await self._end(operation, OperationStatus.REFUSED)
        else:
            await (self._has_settled(payment, operation) if settled else self._mark_surplus(operation))

    async def _has_settled(self, payment: Payment, operation: Operation) -> None:
        """End the question, and close what else is open for the order.

        What was begun while its capture was written down has not seen that, nor has the capture seen it.
        """
        async with self._ledger.work.begin() as unit:
            if payment.status == PaymentStatus.SUCCESS:
                for other in await self._ledger.payments.others_of_order(unit.session, payment):
                    if other.status in LIVE:
                        await self._ledger.turn_away(unit, await self._ledger.lock(unit, other.payment_id))
            # rows of payments are held before those of operations, as elsewhere
            await self._end_in(unit, operation, OperationStatus.DONE)

    async def _end(self, operation: Operation, status: OperationStatus) -> None:
        async with self._ledger.work.begin() as unit:
            await self._end_in(unit, operation, status)

    async def _end_in(self, unit: UnitOfWork, operation: Operation, status: OperationStatus) -> None:
        ended = operation_domain.end(operation, status, self._clock())
        await self._ledger.operations.end(unit.session, ended)

    async def _mark_surplus(self, operation: Operation) -> None:
        """Note that a capture settles no order, and give it back."""
        ledger = self._ledger
        async with ledger.work.begin() as unit:
            payment = await ledger.lock(unit, operation.payment_id)
            current = await ledger.operations.lock(unit.session, operation.operation_id)
            if current is None or not current.is_open:
                return
            refused = operation_domain.end(current, OperationStatus.REFUSED, self._clock())
            await ledger.operations.end(unit.session, refused)
            if payment.surplus or payment.status != PaymentStatus.SUCCESS:
                return
            marked = replace(payment, surplus=True, version=payment.version + 1, update_time=self._clock())
            await ledger.put(unit, payment, marked, facts.surplus_event(marked, returned=False))
            if not await ledger.returns.owe(unit, marked) and marked.refunded >= marked.captured:
                unit.add(facts.surplus_event(marked, returned=True))
