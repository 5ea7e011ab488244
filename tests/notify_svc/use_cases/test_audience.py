"""Whose events somebody waits for."""

from __future__ import annotations

import uuid
from typing import Any, cast

import pytest

from notify_svc.domain.endpoint import Kind
from notify_svc.domain.event import PublicEvent
from notify_svc.storage.endpoints import Subscription
from notify_svc.use_cases import audience as module
from notify_svc.use_cases.audience import LATER_SECONDS, REMEMBERED_SECONDS, SOON_SECONDS, Audience
from notify_svc.use_cases.fan_out import FanOut

ONE, OTHER = uuid.UUID(int=1), uuid.UUID(int=2)


def taking(*event_types: str) -> Subscription:
    return Subscription(uuid.uuid4(), frozenset(event_types), Kind.WEBHOOK, failing=False)


@pytest.mark.parametrize(
    ("subscriptions", "patience"),
    [
        ([], [0.25, 0.25, 0.25]),
        ([taking("*")], [0, 0, 0]),
        ([taking("order.*")], [0, 0, 0.25]),
        # an earlier version is what a later one waits for
        ([taking("order.succeeded")], [0.05, 0, 0.25]),
        ([taking("refund.created"), taking("payment.failed")], [0.25, 0.25, 0.05]),
    ],
)
def test_event_is_missed_the_sooner_the_more_of_its_resource_is_taken(
    subscriptions: list[Subscription], patience: list[float]
) -> None:
    audience = Audience()
    audience.note([ONE, OTHER], {ONE: subscriptions, OTHER: []})
    types = ["order.created", "order.succeeded", "payment.created"]
    assert [audience.patience(ONE, one) for one in types] == patience
    assert [audience.patience(OTHER, one) for one in types] == [0.25, 0.25, 0.25]


def test_merchant_who_is_not_known_or_was_long_ago_may_wait() -> None:
    now = 100.0
    audience = Audience(clock=lambda: now)
    assert audience.patience(ONE, "order.created") == 0
    audience.note([ONE], {})
    now += REMEMBERED_SECONDS - 0.01
    assert audience.patience(ONE, "order.created") == LATER_SECONDS
    now += 0.01
    assert audience.patience(ONE, "order.created") == 0


async def test_fan_out_says_what_endpoints_take_as_it_reads_them() -> None:
    class Stores:
        """What a fan-out asks, and nobody's deliveries."""

        async def subscriptions(self, _session: Any, merchants: Any) -> Any:
            """Return what one of them takes."""
            assert merchants == {ONE, OTHER}
            return {ONE: [taking("order.succeeded")]}

        async def add(self, *_: Any) -> None:
            """Store events."""

    audience, stores = Audience(), cast(Any, Stores())
    events = [PublicEvent(uuid.uuid4(), one, "refund.created", *[None] * 6) for one in (ONE, OTHER)]  # type: ignore[arg-type]
    await FanOut(stores, stores, audience=audience).publish(cast(Any, None), events)
    types = ["order.succeeded", "order.created", "refund.created"]
    assert [audience.patience(ONE, one) for one in types] == [0, SOON_SECONDS, LATER_SECONDS]
    assert [audience.patience(OTHER, one) for one in types] == [LATER_SECONDS] * 3


def test_who_reads_a_stream_waits_for_everything() -> None:
    audience = Audience(lambda merchant_id: merchant_id == ONE)
    audience.note([ONE, OTHER], {})
    assert [audience.patience(one, "order.created") for one in (ONE, OTHER)] == [0, LATER_SECONDS]


def test_no_more_than_so_many_merchants_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST", 2)
    audience = Audience()
    for merchant_id in (ONE, OTHER, uuid.UUID(int=3)):
        audience.note([merchant_id], {})
    patience = [audience.patience(one, "order.created") for one in (ONE, OTHER, uuid.UUID(int=3))]
    assert patience == [0, 0, LATER_SECONDS]
