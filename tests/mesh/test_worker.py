"""Loops in the background, when what they need is away."""

from __future__ import annotations

import asyncio

import pytest
import structlog
from structlog.testing import capture_logs

from mesh import worker as module
from mesh.metrics import WORKER_FAILURES
from mesh.worker import Pace, Worker
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
