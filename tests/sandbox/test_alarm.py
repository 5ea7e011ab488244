"""The alarm, when two things happen at once."""

import asyncio
import time

import pytest

from sandbox.background.alarm import Alarm


@pytest.mark.parametrize("turns", range(5))
async def test_a_cancellation_that_comes_as_the_alarm_rings_is_not_lost(turns: int) -> None:
    alarm = Alarm()

    async def work() -> None:
        while True:
            await alarm.wait(time.time() + 60)

    task = asyncio.create_task(work())
    await _turn(3)
    alarm.ring()
    await _turn(turns)
    task.cancel()
    _, running = await asyncio.wait([task], timeout=5)
    assert not running


async def _turn(count: int) -> None:
    """Let the event loop go round."""
    for _ in range(count):
        await asyncio.sleep(0)
