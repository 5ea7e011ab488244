"""What becomes of an order by each fact about its payments."""

from __future__ import annotations

import uuid
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, cast

import pytest
from fusionx.payment.v1 import payment_events_pb2 as events_pb2
from fusionx.payment.v1 import payment_pb2, test_clock_events_pb2
from fusionx.type.v1 import event_pb2, money_pb2
from google.protobuf import duration_pb2, message

from mesh import context
from mesh.events.inbox import Received
from mesh.money import Money
from order_svc.api.consumer import SUBJECTS, PaymentEvents
from order_svc.storage import test_clocks

ORDER, PAYMENT, MERCHANT = (uuid.UUID(int=number) for number in (1, 2, 3))


class Orders:
    """Notes what it is asked, and the unit that it is asked in."""

    def __init__(self) -> None:
        self.does: list[Any] = []
        self.sessions: list[Any] = []

    @asynccontextmanager
    async def within(self, session: Any) -> Any:
        """Return a unit."""
        self.sessions.append(session)
        yield self

    @property
    def session(self) -> Any:
        """The session of the unit."""
        return self.sessions[-1]

    async def settle(self, _unit: Any, order_id: uuid.UUID, capture: Any) -> None:
        """Settle."""
        self.does.append(("settle", order_id, capture.payment_id, capture.amount))

    async def refund(self, _unit: Any, order_id: uuid.UUID, refunded: Any) -> None:
        """Refund."""
        self.does.append(("refund", order_id))

    async def fail(self, _unit: Any, order_id: uuid.UUID, payment_id: uuid.UUID) -> None:
        """Fail."""
        self.does.append(("fail", order_id, payment_id))


def received(fact: message.Message) -> Received:
    envelope = event_pb2.EventEnvelope(merchant_id=str(MERCHANT))
    return Received(envelope, fact, context.Call(f"{7:032x}"))


EUR12 = money_pb2.Money(value="12.00", currency="EUR")
PAID = payment_pb2.Payment(
    payment_id=str(PAYMENT), order_id=str(ORDER), amount=EUR12, captured_amount=EUR12,
)  # fmt: skip


@pytest.mark.parametrize(
    ("fact", "does"),
    [
        (events_pb2.PaymentSucceeded(payment=PAID), ("settle", ORDER, PAYMENT, Money(1200, "EUR"))),
        (events_pb2.PaymentRefunded(payment=PAID), ("refund", ORDER)),
        (events_pb2.PaymentFailed(payment=PAID), ("fail", ORDER, PAYMENT)),
        (events_pb2.PaymentCancelled(payment=PAID), ("fail", ORDER, PAYMENT)),
    ],
    ids=lambda one: type(one).__name__ if isinstance(one, message.Message) else "",
)
async def test_order_follows_its_payment(fact: message.Message, does: Any) -> None:
    orders, session = Orders(), object()
    apply = PaymentEvents(cast(Any, orders), cast(Any, orders))
    await apply(cast(Any, session), [received(fact), received(fact)])
    assert orders.does == [does, does]
    assert orders.sessions == [session, session]
    assert context.current().trace_id == f"{7:032x}"


async def test_test_clock_moves_the_merchants_orders(monkeypatch: pytest.MonkeyPatch) -> None:
    aged: list[Any] = []

    async def age(*given: Any) -> None:
        aged.append(given)

    monkeypatch.setattr(test_clocks, "age", age)
    orders, session = Orders(), object()
    by = duration_pb2.Duration(seconds=90)
    fact = test_clock_events_pb2.TestClockAdvanced(by=by)
    await PaymentEvents(cast(Any, orders), cast(Any, orders))(cast(Any, session), [received(fact)])
    assert aged == [(session, MERCHANT, timedelta(seconds=90))]


async def test_fact_without_a_use_is_refused() -> None:
    orders = Orders()
    with pytest.raises(ValueError, match="no use for"):
        await PaymentEvents(cast(Any, orders), cast(Any, orders))(cast(Any, None), [received(PAID)])


def test_subjects_are_those_of_the_facts() -> None:
    facts = ("cancelled", "failed", "refunded", "succeeded", "test_clock_advanced")
    assert sorted(subject.removeprefix("fusionx.payment.v1.") for subject in SUBJECTS) == list(facts)
