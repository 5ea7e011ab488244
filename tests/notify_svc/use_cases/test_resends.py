"""What a merchant may have sent again: not without end, and what waits anyway is not written anew."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import LiteralString
from uuid import UUID

import pytest

from mesh.errors import ApiError
from notify_svc.domain.delivery import DeliveryStatus
from notify_svc.use_cases.event_log import Span
from notify_svc.use_cases.resend_budget import AT_ONCE, PER_SECOND, ResendBudget
from tests.notify_svc.conftest import SHARE, Desk, desk_on
from tests.support.net.rogue import OK, answering, hangs, rogue
from tests.support.waiting import PATIENCE, come_true

LATER = datetime(2100, 1, 1, tzinfo=UTC)
ONE, OTHER = UUID(int=1), UUID(int=2)


def test_budget_is_used_up_and_comes_back() -> None:
    now = 1000.0
    budget = ResendBudget(lambda: now)
    budget.require(ONE)
    budget.spend(ONE, AT_ONCE - 1)
    budget.require(ONE)
    budget.spend(ONE, 1 + 10 * PER_SECOND)
    with pytest.raises(ApiError) as refused:
        budget.require(ONE)
    assert (refused.value.reason, refused.value.retry_after) == ("TOO_MANY_CALLS", 11)
    budget.require(OTHER)
    now += 10
    with pytest.raises(ApiError):
        budget.require(ONE)
    now += 1
    budget.require(ONE)
    # who has not asked for long has no more than at first
    now += 1_000_000
    budget.spend(ONE, AT_ONCE)
    with pytest.raises(ApiError):
        budget.require(ONE)


async def test_resends_are_refused_when_the_budget_is_used_up(desk: Desk) -> None:
    async with rogue(answering(OK)) as server:
        await desk.endpoint(server.url)
        (event,) = await desk.publish()
        await desk.tried(event, 1)
        desk.log._budget.spend(desk.merchant_id, AT_ONCE - 1)
        await desk.log.resend(desk.merchant_id, event.event_id, {})
        desk.log._budget.spend(desk.merchant_id, AT_ONCE)
        span = Span(desk.now, LATER, [event.type], {})
        with pytest.raises(ApiError, match="sent again lately"):
            await desk.log.resend(desk.merchant_id, event.event_id, {})
        with pytest.raises(ApiError, match="sent again lately"):
            await desk.log.resend_span(desk.merchant_id, span, None)
        await desk.tried(event, 2)


async def test_what_waits_to_be_sent_is_not_written_anew_and_sent_once(notify_url: str) -> None:
    """A merchant that asked ten times had a hundred thousand rows written, of which each is sent once."""
    async with rogue(hangs) as server, desk_on(notify_url, timeout=2 * PATIENCE) as desk:
        await desk.endpoint(server.url)
        events = await desk.publish(3 * SHARE)
        await come_true(lambda: server.open == SHARE, "a full share")
        span = Span(desk.now, LATER, [events[0].type], {})
        for _ in range(3):
            assert await desk.log.resend_span(desk.merchant_id, span, None) == (len(events), len(events))
        # those under way are to be sent once more, as nobody knows what came of them
        query: LiteralString = "SELECT resends, count(*) FROM deliveries GROUP BY resends ORDER BY resends"
        assert desk.execute(query) == [(0, 2 * SHARE), (1, SHARE)]
        server.behaviour = answering(OK)
        server.released.set()
        for event in events:
            await desk.delivery(event, lambda delivery: delivery.status is DeliveryStatus.DELIVERED)
        assert len(server.ids) == 4 * SHARE
