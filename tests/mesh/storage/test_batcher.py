"""Group commit: what comes while a flush is under way goes together into the next."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from types import SimpleNamespace

import pytest

from mesh.errors import ApiError, unavailable
from mesh.storage.batcher import Batcher


class Flush:
    """A flush that can be held, and that refuses odd numbers when told to."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.gate = asyncio.Event()
        self.refuses_odd = False
        self.is_away = False

    async def __call__(self, items: Sequence[int]) -> list[int]:
        """Return ten times each item."""
        self.batches.append(list(items))
        await self.gate.wait()
        if self.is_away:
            raise unavailable("DATABASE_UNAVAILABLE", "gone")
        if self.refuses_odd and any(item % 2 for item in items):
            raise ValueError("odd")
        return [item * 10 for item in items]


async def held(flush: Flush, batcher: Batcher[int, int], items: Sequence[int]) -> list[asyncio.Task[int]]:
    """Submit the first item, and the others while it is under way."""
    tasks = []
    for item in items:
        tasks.append(asyncio.create_task(batcher.submit(item)))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    flush.gate.set()
    return tasks


async def test_an_item_alone_is_not_held_back() -> None:
    flush = Flush()
    flush.gate.set()
    assert await Batcher(flush).submit(1) == 10
    assert flush.batches == [[1]]


async def test_items_of_one_turn_of_the_loop_go_together() -> None:
    flush = Flush()
    flush.gate.set()
    batcher = Batcher(flush)
    assert await asyncio.gather(*(batcher.submit(item) for item in (1, 2, 3))) == [10, 20, 30]
    assert flush.batches == [[1, 2, 3]]


async def test_items_that_come_meanwhile_go_together_and_each_gets_its_own_result() -> None:
    flush = Flush()
    tasks = await held(flush, Batcher(flush), [1, 2, 3, 4])
    assert await asyncio.gather(*tasks) == [10, 20, 30, 40]
    assert flush.batches == [[1], [2, 3, 4]]


async def test_a_batch_is_no_larger_than_it_may_be() -> None:
    flush = Flush()
    tasks = await held(flush, Batcher(flush, max_size=2), [1, 2, 3, 4])
    await asyncio.gather(*tasks)
    assert flush.batches == [[1], [2, 3], [4]]


async def test_after_a_batch_it_is_waited_for_more_as_long_as_that_one_took(monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = iter([0.0, 1.0, 1.005, 2.0, 2.5, 3.0])
    monkeypatch.setattr("mesh.storage.batcher.time", SimpleNamespace(monotonic=lambda: next(seconds)))
    rests: list[float] = []

    async def sleep(rest: float) -> None:
        rests.append(rest)

    flush = Flush()
    flush.gate.set()
    batcher = Batcher(flush, max_size=3)
    monkeypatch.setattr("mesh.storage.batcher.asyncio.sleep", sleep)
    for items in ([1], [2, 3], [4, 5], [6, 7, 8]):
        await asyncio.gather(*map(batcher.submit, items))
    # after one by itself nobody else is waited for, and a full one leaves others behind
    assert rests == [pytest.approx(0.005), 0.02]


async def test_items_nobody_is_in_a_hurry_for_wait_for_others_first(monkeypatch: pytest.MonkeyPatch) -> None:
    flush, waits, real_sleep = Flush(), list[float](), asyncio.sleep
    flush.gate.set()
    batcher = Batcher(flush, patience=0.03)
    others = list[asyncio.Task[int]]()

    async def sleep(seconds: float) -> None:
        waits.append(seconds)
        if seconds == 0.03:
            others.extend(asyncio.ensure_future(batcher.submit(item)) for item in (2, 3))
            for task in others:
                assert not task.done()
            await real_sleep(0)

    monkeypatch.setattr("mesh.storage.batcher.asyncio.sleep", sleep)
    assert await batcher.submit(1) == 10
    assert await asyncio.gather(*others) == [20, 30]
    assert flush.batches == [[1, 2, 3]]
    assert waits[0] == 0.03


async def test_a_bad_item_fails_nobody_else() -> None:
    flush = Flush()
    flush.refuses_odd = True
    tasks = await held(flush, Batcher(flush), [2, 4, 5, 6])
    assert await asyncio.gather(*tasks[:2], tasks[3]) == [20, 40, 60]
    with pytest.raises(ValueError, match="odd"):
        await tasks[2]


async def test_outage_is_told_to_all_at_once_and_not_waited_for_by_each() -> None:
    flush = Flush()
    flush.is_away = True
    for task in await held(flush, Batcher(flush), [1, 2, 3, 4]):
        with pytest.raises(ApiError):
            await task
    assert flush.batches == [[1], [2, 3, 4]]


async def test_a_caller_that_gives_up_stops_nothing() -> None:
    flush = Flush()
    batcher = Batcher(flush)
    gone = asyncio.create_task(batcher.submit(1))
    await asyncio.sleep(0)
    gone.cancel()
    flush.gate.set()
    assert await batcher.submit(2) == 20
