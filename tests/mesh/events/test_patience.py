"""How long a consumer keeps what nobody misses, to apply it with what comes meanwhile."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from mesh.events import consumer as module
from mesh.events.consumer import BATCH
from tests.mesh.events.test_consuming import Message, World, world_of
from tests.support.waiting import PATIENCE


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    """A world of the test's own."""
    return world_of(monkeypatch)


async def test_what_nobody_waits_for_is_applied_with_what_comes_until_somebody_waits(world: World) -> None:
    messages = [Message(number, number) for number in range(1, 5)]
    world.patient = {messages[0].event_id: 9.0, messages[1].event_id: 7.0}
    world.fetched = [messages[:1], messages[1:2], TimeoutError(), messages[2:3], messages[3:]]
    assert await world.consumer._step() is True
    assert world.applied == [[one.event_id for one in messages[:3]]]
    assert await world.consumer._step() is True
    assert world.applied[1:] == [[messages[3].event_id]]


@pytest.mark.parametrize("ends", ["time", "batch", "stop"])
async def test_what_nobody_waits_for_is_not_kept_for_long(
    world: World, ends: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    few, many = [Message(1)], [Message(number, number) for number in range(2, BATCH + 1)]
    now = iter([100.0, 103.0, 104.0, 105.0, 106.0, 107.0, 108.0])
    if ends == "time":
        monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: next(now)))
    world.patient = {one.event_id: 3.0 for one in (*few, *many)}
    world.consumer.worker._stopping = ends == "stop"
    world.fetched = [few, *([[]] if ends == "time" else []), many, [Message(1000, 1000)]]
    await world.consumer._step()
    assert len(world.applied[0]) == (BATCH if ends == "batch" else 1)


async def test_what_came_first_is_kept_no_longer_for_what_comes_behind_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    messages = [Message(number, number) for number in range(1, 4)]
    now = iter([100.0, 101.0, 104.0, 105.0, 106.0])
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: next(now)))
    world.patient = {messages[0].event_id: 3.0, messages[1].event_id: 9.0, messages[2].event_id: 9.0}
    world.fetched = [messages[:1], messages[1:2], [], messages[2:]]
    await world.consumer._step()
    assert world.applied == [[one.event_id for one in messages[:2]]]


async def test_what_nobody_waits_for_is_applied_in_time_though_nothing_else_comes(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetch, few = world.fetch, [Message(1)]

    async def fetch_or_wait(most: int, **how: float) -> list[Any]:
        return await fetch(most, **how) if world.fetched else await asyncio.Event().wait()  # type: ignore[return-value]

    monkeypatch.setattr(world, "fetch", fetch_or_wait)
    world.patient = {few[0].event_id: 0.05}
    world.fetched = [few]
    async with asyncio.timeout(PATIENCE / 2):
        await world.consumer._step()
    assert world.applied == [[few[0].event_id]]


async def test_only_what_somebody_waits_for_is_counted_as_urgent(world: World) -> None:
    counts: list[int] = []

    def rest(count: int, began: float, now: float) -> float:
        counts.append(count)
        return 0.0

    messages = [Message(number, number) for number in range(1, 5)]
    world.patient = {messages[0].event_id: 9.0, messages[2].event_id: 7.0}
    world.consumer._pace.rest = rest  # type: ignore[method-assign]
    world.fetched = [messages[:1], messages[1:], [], messages[:2]]
    for _ in range(3):
        await world.consumer._step()
    assert counts == [2, 1]


async def test_what_came_meanwhile_is_given_back_as_well_when_taking_more_fails(world: World) -> None:
    first, second = Message(1), Message(2, 2)
    world.patient = {first.event_id: 9.0, second.event_id: 9.0}
    world.fetched = [[first], [second], OSError("gone")]
    with pytest.raises(OSError, match="gone"):
        await world.consumer._step()
    assert (first.said, second.said, world.applied) == ([1.0], [1.0], [])
