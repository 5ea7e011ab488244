"""How long the webhooks of one account may take everybody's time: a tenth of it."""

from __future__ import annotations

import asyncio
from uuid import UUID

import pytest

from mesh.errors import ApiError
from payment_svc.providers.reading_time import AT_ONCE_SECONDS, MOST_WAITING, ReadingTime
from tests.support.databases.virtual_loop import VirtualLoop

ONE, OTHER = UUID(int=1), UUID(int=2)
LONG = AT_ONCE_SECONDS / 4
"""How long a body takes to be read that somebody made for it, in seconds."""
MANY = 40


class Clock:
    """The time: of the loop, and what reading has taken of it."""

    def __init__(self) -> None:
        self.read = 0.0

    def __call__(self) -> float:
        return asyncio.get_running_loop().time() + self.read

    def long(self) -> float:
        """Read a body that takes long; return when that was."""
        self.read += LONG
        return self()


def in_virtual_time(account_id: UUID | None, times: int) -> float:
    """Return how many seconds it takes to read so many bodies, and everything that waits meanwhile."""

    async def all_of_them() -> float:
        clock = Clock()
        reading = ReadingTime(clock, clock)
        began = clock()
        last = [await reading.spent(account_id, clock.long) for _ in range(times)]
        assert await reading.spent(OTHER, clock) - last[-1] < LONG, "another account has time"
        return last[-1] - began

    loop = VirtualLoop()
    try:
        return loop.run_until_complete(all_of_them())
    finally:
        loop.close()


def test_account_has_a_tenth_of_the_time() -> None:
    took = in_virtual_time(ONE, MANY)
    assert took >= 9 * (MANY * LONG - 2 * AT_ONCE_SECONDS)
    assert in_virtual_time(None, MANY) == pytest.approx(MANY * LONG), "the platform's own are read as they come"


def test_some_are_read_at_once() -> None:
    assert in_virtual_time(ONE, 4) == pytest.approx(4 * LONG)


async def test_one_of_an_account_is_read_a_turn_of_the_loop_and_most_are_refused() -> None:
    reading, read = ReadingTime(), list[int]()
    waiting = [
        asyncio.create_task(reading.spent(ONE, lambda number=number: read.append(number)))  # type: ignore[misc]
        for number in range(MOST_WAITING)
    ]
    await asyncio.sleep(0)
    with pytest.raises(ApiError) as refused:
        await reading.spent(ONE, lambda: None)
    assert (refused.value.reason, refused.value.retry_after) == ("TOO_MANY_CALLS", 1)
    assert await reading.spent(OTHER, lambda: "another's") == "another's"
    assert len(read) < MOST_WAITING / 2, "one a turn"
    await asyncio.gather(*waiting)
    assert read == list(range(MOST_WAITING)), "in the order in which they came"
    await reading.spent(ONE, lambda: None)


async def test_what_cannot_be_read_has_taken_its_time_too() -> None:
    reading = ReadingTime()
    for _ in range(MOST_WAITING + 1):
        with pytest.raises(ValueError, match="no event"):
            await reading.spent(ONE, lambda: int("no event"))
    assert reading._allowance.wait(ONE) > reading._allowance.wait(OTHER)
    assert not reading._waiting
