"""The loop of recovery: whatever ends a look, its item's place is given back."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from mesh import context
from mesh.errors import unavailable
from payment_svc.use_cases.recovery.loop import Recovery
from tests.support.waiting import come_true


class Ending:
    """Two items whose looks end by an error."""

    name = "ending"

    def __init__(self, error: BaseException) -> None:
        self.error = error
        self.due = ["first", "second"]
        self.given_back: list[str] = []

    async def claim(self, limit: int) -> Sequence[str]:
        """Take what is due."""
        taken, self.due = self.due[:limit], self.due[limit:]
        return taken

    def call_of(self, item: str) -> context.Call:
        """Return a call of nobody."""
        return context.Call(trace_id=item)

    async def check(self, item: str) -> None:
        """End by the error."""
        raise self.error

    async def reschedule(self, item: str) -> bool:
        """Note that the place is free."""
        self.given_back.append(item)
        return False


@pytest.mark.parametrize(
    "error",
    [unavailable("PROVIDER_UNAVAILABLE", "away"), ValueError("odd"), asyncio.CancelledError()],
    ids=["refused", "odd", "cancelled"],
)
async def test_place_is_given_back_however_a_look_ends(error: BaseException) -> None:
    subject = Ending(error)
    await Recovery(subject).step()
    await come_true(lambda: sorted(subject.given_back) == ["first", "second"])


async def test_places_that_are_kept_are_counted_and_what_they_were_kept_for_is_begun() -> None:
    subject = Ending(ValueError("odd"))
    loop = Recovery(subject, window=2)
    assert [loop.keep_place() for _ in range(3)] == [True, True, False]
    await loop.step()
    assert not subject.given_back
    loop.take_place(None)
    loop.take_place("third")
    await come_true(lambda: subject.given_back == ["third"])
    assert loop.keep_place()


class Lasting(Ending):
    """One item whose look lasts until it is told."""

    def __init__(self) -> None:
        super().__init__(ValueError("odd"))
        self.due = ["long"]
        self.told = asyncio.Event()

    async def check(self, item: str) -> None:
        """Look for as long as nobody tells."""
        if item == "long":
            await self.told.wait()


async def test_what_is_due_is_begun_beside_what_takes_long_and_a_full_loop_waits() -> None:
    subject = Lasting()
    loop = Recovery(subject, window=2)
    assert await loop.step() is False
    subject.due = ["first"]
    async with asyncio.timeout(5):
        # one place is free, and is not waited for
        assert await loop.step() is True
    await come_true(lambda: subject.given_back == ["first"])
    assert loop.keep_place()
    waiting = asyncio.ensure_future(loop.step())
    await asyncio.sleep(0)
    assert not waiting.done()
    subject.told.set()
    await waiting
    await come_true(lambda: subject.given_back == ["first", "long"])
