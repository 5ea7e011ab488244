"""Whom the events of a transaction reach, and who is told once it is committed."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
from fusionx.order.v1 import order_events_pb2, order_pb2
from fusionx.payment.v1 import test_clock_events_pb2
from fusionx.type.v1 import event_pb2
from google.protobuf import duration_pb2, message

from mesh import context
from mesh.events.inbox import Received
from notify_svc.api.consumer import LEASE, SUBJECTS, PublicEvents
from notify_svc.domain.endpoint import Kind
from notify_svc.storage import test_clocks
from notify_svc.use_cases.audience import LATER_SECONDS, Audience

MERCHANT, ORDER = uuid.UUID(int=1), uuid.UUID(int=2)
ALL = {(kind, failing) for kind in Kind for failing in (False, True)}


class World:
    """Keeps what is published, and who is told."""

    def __init__(self) -> None:
        self.published: list[Any] = []
        self.told: list[Any] = []
        self.reaches: set[Any] = set()
        self.audience = Audience()
        self.events = PublicEvents(cast(Any, self), self.told.append, self.audience)

    async def publish(self, session: Any, events: Sequence[Any]) -> set[Any]:
        """Publish events."""
        self.published.append((session, [one.type for one in events]))
        return self.reaches


def received(fact: message.Message) -> Received:
    envelope = event_pb2.EventEnvelope(
        event_id=str(uuid.uuid4()), merchant_id=str(MERCHANT), aggregate_id=str(ORDER), type=fact.DESCRIPTOR.full_name
    )
    envelope.time.FromDatetime(datetime(2026, 1, 1, tzinfo=UTC))
    return Received(envelope, fact, context.Call(f"{7:032x}"))


MADE = order_events_pb2.OrderCreated(order=order_pb2.Order(order_id=str(ORDER)))


async def test_public_facts_are_published_and_told_of_once_they_are_committed() -> None:
    world, session = World(), object()
    world.reaches = {(Kind.WEBHOOK, False)}
    await world.events(cast(Any, session), [received(MADE), received(MADE)])
    assert world.published == [(session, ["order.created"] * 2)]
    assert world.told == []
    world.events.committed()
    world.events.committed()
    assert world.told == [{(Kind.WEBHOOK, False)}, set()]


async def test_test_clock_moves_what_waits_and_gives_everybody_something_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    aged: list[Any] = []

    async def age(*given: Any) -> None:
        aged.append(given)

    monkeypatch.setattr(test_clocks, "age", age)
    world, session = World(), object()
    fact = test_clock_events_pb2.TestClockAdvanced(by=duration_pb2.Duration(seconds=90))
    await world.events(cast(Any, session), [received(fact)])
    world.events.committed()
    assert aged == [(session, MERCHANT, timedelta(seconds=90), LEASE)]
    assert timedelta(seconds=75) == LEASE
    assert world.published == [(session, [])]
    assert world.told == [ALL]


def test_public_fact_that_its_merchant_does_not_take_may_wait_and_every_other_fact_may_not() -> None:
    world, clock = World(), test_clock_events_pb2.TestClockAdvanced()
    assert world.events.patience(received(MADE)) == 0.0
    world.audience.note([MERCHANT], {})
    assert world.events.patience(received(MADE)) == LATER_SECONDS
    assert world.events.patience(received(clock)) == 0.0


def test_every_domain_is_listened_to() -> None:
    assert SUBJECTS == ("fusionx.order.v1.>", "fusionx.payment.v1.>")
