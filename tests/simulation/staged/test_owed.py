"""What the gateway owes and cannot give back for days, staged: what was never sent waits, and nobody gives it twice."""

from __future__ import annotations

import asyncio

import pytest

from payment_svc.domain.review import Resolution
from tests.simulation.adapter import Trip
from tests.simulation.schedule import Runner
from tests.simulation.staged.scene import DAY, Scene, stage

HOUR = 3600.0


def refused() -> Trip:
    return Trip(is_refused=True)


def test_what_was_never_sent_is_asked_for_as_long_as_it_takes(runner: Runner) -> None:
    """However long its provider is out of reach: a key that it was never told it cannot have forgotten."""

    async def play(scene: Scene) -> None:
        scene.trip("refund", refused, 45)
        _, thing = await scene.paid_twice()
        await asyncio.sleep(1.5 * DAY)
        assert (scene.refunds(), scene.reviews(), thing.kept) == ([("PENDING", 1200)], [], 1200)
        await asyncio.sleep(DAY)
        assert (scene.refunds(), scene.reviews(), thing.kept) == ([("SUCCESS", 1200)], [], 0)

    stage(runner, play)


@pytest.mark.parametrize("is_made", [True, False])
def test_key_is_remembered_from_when_the_provider_may_have_heard_it(runner: Runner, is_made: bool) -> None:
    """The first try that may have reached it comes two days after the money was owed: it is safe to repeat that."""

    async def play(scene: Scene) -> None:
        heard: list[bool] = []

        def first() -> Trip:
            heard.append(is_made)
            return Trip(is_answer_lost=is_made, is_lost=not is_made, is_cut=True)

        scene.trip("refund", first)
        scene.trip("refund", refused, 45)
        # from then on it does not show itself either
        scene.trip("fetch_refund", lambda: Trip(is_lost=True, is_cut=True) if heard else Trip(), 60)
        _, thing = await scene.paid_twice()
        await asyncio.sleep(3 * DAY)
        assert (scene.refunds(), scene.reviews(), thing.kept) == ([("SUCCESS", 1200)], [], 0)
        assert len(thing.refunds) == 1

    stage(runner, play)


def test_unknown_outcome_past_the_providers_memory_is_a_persons_business(runner: Runner) -> None:
    async def play(scene: Scene) -> None:
        scene.trip("refund", lambda: Trip(is_lost=True, is_cut=True), 100)
        scene.trip("refund", refused, 45)
        _, thing = await scene.paid_twice()
        await asyncio.sleep(4 * DAY)
        assert (scene.refunds(), scene.reviews(), thing.kept) == ([("NEEDS_REVIEW", 1200)], ["UNKNOWN_REFUND"], 1200)

    stage(runner, play)


def test_person_is_asked_when_nobody_can_be_and_nothing_is_sent_beside_the_person(runner: Runner) -> None:
    async def play(scene: Scene) -> None:
        stripe = scene.world.services["stripe"]
        scene.trip("refund", refused)
        _, thing = await scene.paid_twice()
        stripe.revoked.add("")
        await asyncio.sleep(25 * HOUR)
        assert (scene.refunds(), scene.reviews()) == ([("PENDING", 1200)], [])
        await asyncio.sleep(3 * HOUR)
        assert (scene.refunds(), scene.reviews()) == ([("NEEDS_REVIEW", 1200)], ["UNKNOWN_REFUND"])
        stripe.revoked.clear()
        await asyncio.sleep(DAY)
        # who was asked may be about to give it back by hand
        assert (scene.refunds(), thing.kept) == ([("NEEDS_REVIEW", 1200)], 1200)
        await scene.answer(Resolution.NOT_CAPTURED)
        assert scene.reviews() == ["SURPLUS_KEPT"]
        await scene.answer(Resolution.GIVE_BACK)
        await asyncio.sleep(60)
        assert (scene.reviews(), thing.kept) == ([], 0)

    stage(runner, play)
