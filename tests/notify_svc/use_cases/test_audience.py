"""Whose events somebody waits for."""

from __future__ import annotations

import uuid

import pytest

from notify_svc.domain.endpoint import Kind
from notify_svc.storage.endpoints import Subscription
from notify_svc.use_cases import audience as module
from notify_svc.use_cases.audience import REMEMBERED_SECONDS, Audience

ONE, OTHER = uuid.UUID(int=1), uuid.UUID(int=2)


def taking(*event_types: str) -> Subscription:
    return Subscription(uuid.uuid4(), frozenset(event_types), Kind.WEBHOOK, failing=False)


@pytest.mark.parametrize(
    ("subscriptions", "awaited"),
    [
        ([], []),
        ([taking("*")], ["order.created", "order.succeeded", "payment.created"]),
        ([taking("order.*")], ["order.created", "order.succeeded"]),
        # an earlier version is what a later one waits for
        ([taking("order.succeeded")], ["order.created", "order.succeeded"]),
        ([taking("refund.created"), taking("payment.failed")], ["payment.created"]),
    ],
)
def test_events_of_resources_that_an_endpoint_takes_something_of_are_awaited(
    subscriptions: list[Subscription], awaited: list[str]
) -> None:
    audience = Audience()
    audience.note([ONE, OTHER], {ONE: subscriptions, OTHER: []})
    types = ["order.created", "order.succeeded", "payment.created"]
    assert [one for one in types if audience.awaits(ONE, one)] == awaited
    assert not any(audience.awaits(OTHER, one) for one in types)


def test_merchant_who_is_not_known_or_was_long_ago_may_wait() -> None:
    now = 100.0
    audience = Audience(clock=lambda: now)
    assert audience.awaits(ONE, "order.created")
    audience.note([ONE], {})
    now += REMEMBERED_SECONDS - 0.01
    assert not audience.awaits(ONE, "order.created")
    now += 0.01
    assert audience.awaits(ONE, "order.created")


def test_who_reads_a_stream_waits_for_everything() -> None:
    audience = Audience(lambda merchant_id: merchant_id == ONE)
    audience.note([ONE, OTHER], {})
    assert [audience.awaits(one, "order.created") for one in (ONE, OTHER)] == [True, False]


def test_no_more_than_so_many_merchants_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST", 2)
    audience = Audience()
    for merchant_id in (ONE, OTHER, uuid.UUID(int=3)):
        audience.note([merchant_id], {})
    assert [audience.awaits(one, "order.created") for one in (ONE, OTHER, uuid.UUID(int=3))] == [True, True, False]
