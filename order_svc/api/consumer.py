"""Payment events in, order use cases out."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from fusionx.payment.v1 import payment_events_pb2 as events_pb2
from fusionx.payment.v1 import test_clock_events_pb2

from mesh.events.envelope import options_of
from mesh.events.inbox import Received
from mesh.events.participants import CONSUMERS
from mesh.events.unit_of_work import UnitOfWork, UnitsOfWork
from mesh.storage.database import Session
from order_svc.contract import messages as mapping
from order_svc.storage import test_clocks
from order_svc.use_cases.orders import Orders

NAME = CONSUMERS["order_svc"]
SUBJECTS = tuple(
    options_of(fact.DESCRIPTOR).subject
    for fact in (
        events_pb2.PaymentSucceeded,
        events_pb2.PaymentRefunded,
        events_pb2.PaymentFailed,
        events_pb2.PaymentCancelled,
        test_clock_events_pb2.TestClockAdvanced,
    )
)


class PaymentEvents:
    """Applies what became of payments to their orders."""

    def __init__(self, orders: Orders, work: UnitsOfWork) -> None:
        self._orders = orders
        self._work = work

    async def __call__(self, session: Session, events: Sequence[Received]) -> None:
        """Apply facts, in their order, inside the given transaction."""
        for event in events:
            event.enter()
            async with self._work.within(session) as unit:
                await self._apply(unit, event)

    async def _apply(self, unit: UnitOfWork, event: Received) -> None:
        match event.fact:
            case events_pb2.PaymentSucceeded(payment=payment):
                await self._orders.settle(unit, UUID(payment.order_id), mapping.capture(payment))
            case events_pb2.PaymentRefunded(payment=payment):
                await self._orders.refund(unit, UUID(payment.order_id), mapping.refunded(payment))
            case events_pb2.PaymentFailed(payment=payment) | events_pb2.PaymentCancelled(payment=payment):
                await self._orders.fail(unit, UUID(payment.order_id), UUID(payment.payment_id))
            case test_clock_events_pb2.TestClockAdvanced(by=by):
                await test_clocks.age(unit.session, UUID(event.envelope.merchant_id), by.ToTimedelta())
            case _:
                raise ValueError(f"no use for {event.fact.DESCRIPTOR.full_name}")
