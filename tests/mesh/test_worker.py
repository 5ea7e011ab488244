"""Loops in the background, when what they need is away."""

from __future__ import annotations

import asyncio

import pytest
import structlog
from structlog.testing import capture_logs

from mesh import worker as module
from mesh.metrics import WORKER_FAILURES
from mesh.worker import Pace, Turn, Worker, together
from tests.support.waiting import PATIENCE, come_true


async def test_worker_that_fails_logs_once_and_counts_and_says_when_it_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    away, steps = True, 0

    async def step() -> bool:
        nonlocal steps
        steps += 1
        if away:
            raise ConnectionError(f"{steps} of {steps}")
        return False

    worker = Worker("test-fails", step, interval=0.01)
    with capture_logs() as lines:
        # a logger that was used keeps what it was configured with
        monkeypatch.setattr(module, "log", structlog.get_logger())
        worker.start()
        await come_true(lambda: steps >= 4, "four failures")
        away = False
        await come_true(lambda: len(lines) == 2, "word of the end")
        await worker.stop()
    assert [line["event"] for line in lines] == ["worker step failed", "worker goes on"]
    assert lines[1]["failures"] == WORKER_FAILURES.labels("test-fails")._value.get() >= 4


async def test_worker_that_fails_pauses_whoever_wakes_it() -> None:
    steps = 0

    async def step() -> bool:
        nonlocal steps
        steps += 1
        raise ConnectionError

    worker = Worker("test-woken", step, interval=60)
    worker.start()
    begun = asyncio.get_running_loop().time()
    while steps < 2:
        worker.wake()
        await asyncio.sleep(0)
    assert asyncio.get_running_loop().time() - begun >= module.LEAST_BACKOFF * 0.9
    await worker.stop()


@pytest.mark.parametrize(
    ("interval", "failures", "seconds"),
    [(0.2, 0, 0.2), (0.2, 1, 0.4), (0.2, 3, 1.6), (2.0, 6, 10.0), (3600.0, 0, 3600.0), (3600.0, 1, 10.0)],
)
def test_a_loop_rests_for_its_interval_and_is_tried_again_soon(interval: float, failures: int, seconds: float) -> None:
    assert module.pause(interval, failures) == pytest.approx(seconds)


async def test_cancellation_that_becomes_an_error_of_the_step_ends_the_loop() -> None:
    begun = asyncio.Event()

    async def step() -> bool:
        begun.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise ConnectionError("the connection is closed") from None
        return False

    worker = Worker("cancelled", step, interval=0.01)
    worker.start()
    await begun.wait()
    assert worker._task
    worker._task.cancel()
    done, _ = await asyncio.wait([worker._task], timeout=PATIENCE)
    assert done


@pytest.mark.parametrize(
    ("took", "seconds"), [(0.0, 0.02), (0.005, 0.02), (0.01, 0.04), (0.015, 0.06), (0.5, 0.06), (5.0, 0.06)]
)
def test_a_loop_that_works_in_batches_rests_longer_the_longer_one_takes(took: float, seconds: float) -> None:
    assert Pace().rest(1000, 100.0, 100.0 + took) == pytest.approx(seconds)


def test_nobody_is_held_up_where_little_comes() -> None:
    """The least rest, 20 ms, is worth it from fifty a second on, counted over half a second."""
    assert Pace().rest(25, 100.0, 100.0) == 0.0
    assert Pace().rest(26, 100.0, 100.0) == 0.02
    # where a batch takes its time more come in the rest
    assert Pace().rest(9, 100.0, 100.015) == pytest.approx(0.06)
    pace = Pace()
    rests = [pace.rest(4, 100.0 + number / 10, 100.0 + number / 10) for number in range(30)]
    assert not any(rests)
    rests = [pace.rest(5, 103.0 + number / 10, 103.0 + number / 10) for number in range(30)]
    assert (rests[0], rests[-1]) == (0.0, 0.02)
    # what has come is forgotten
    assert pace.rest(1, 110.0, 110.0) == 0.0


@pytest.mark.parametrize(
    ("now", "seconds", "until"),
    [(10.3, 2.0, 12.0), (10.0, 2.0, 12.0), (10.999, 1.0, 12.0), (10.9, 1.0, 11.0), (10.3, 0.5, 10.8)],
)
def test_what_pauses_for_long_ends_its_pause_at_a_full_second(now: float, seconds: float, until: float) -> None:
    assert now + together(now, seconds) == pytest.approx(until)


async def test_what_looks_now_and_then_takes_turns_and_what_waits_or_was_woken_does_not() -> None:
    under_way, most, go = 0, 0, asyncio.Event()

    async def look() -> bool:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0.01)
        under_way -= 1
        return False

    async def wait() -> bool:
        await waiting.idle(go.wait())
        return False

    waiting = Worker("test-waits", wait, interval=60)
    looking = [Worker(f"test-looks-{number}", look, interval=60) for number in range(3)]
    for worker in (waiting, *looking):
        worker.start()
    await come_true(lambda: most == 1 and not under_way, "all looks")
    for worker in looking:
        worker.wake()
    await come_true(lambda: most == 3, "looks of those who were woken")
    for worker in (waiting, *looking):
        await worker.stop()


async def test_a_turn_is_waited_for_a_moment_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TURN_SECONDS", 0.01)
    async with Turn():
        async with asyncio.timeout(PATIENCE):
            async with Turn():
                pass


async def test_an_interval_may_depend_on_what_there_is_to_do() -> None:
    steps, pauses = 0, [60.0, 0.01, 60.0]

    async def step() -> bool:
        nonlocal steps
        steps += 1
        return False

    worker = Worker("test-depends", step, interval=lambda: pauses[steps - 1])
    worker.start()
    await come_true(lambda: steps == 1, "the first step")
    worker.wake()
    await come_true(lambda: steps == 3, "a step that was woken, and one that was due soon")
    await worker.stop()
