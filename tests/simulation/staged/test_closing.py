"""What is closed: asked for anew under a key of its own, and wherever money is held that nobody needs."""

from __future__ import annotations

import asyncio

from fusionx.payment.v1 import payment_pb2

from payment_svc.domain.payment import PaymentStatus
from tests.simulation.adapter import Trip
from tests.simulation.book import State
from tests.simulation.schedule import Runner
from tests.simulation.staged.scene import Scene, stage

Status = payment_pb2.Payment.Status


def test_cancel_that_was_refused_is_asked_for_anew_under_a_key_of_its_own(runner: Runner) -> None:
    """A provider repeats what it has answered under a key, whatever has become of the object."""

    async def play(scene: Scene) -> None:
        payment = await scene.pay(token="pm_action", manual=True)
        thing = scene.thing(payment)
        # the customer has authenticated, and nobody here has heard of it
        thing.state = State.PROCESSING
        assert (await scene.shop._cancel(payment)).status != Status.CANCELLED
        thing.state = State.HELD
        scene.world._notify("stripe", thing, "charged", "")
        await asyncio.sleep(10)
        held = await scene.shop._get(payment.payment_id)
        assert held.status == Status.AUTHORIZED
        assert (await scene.shop._cancel(held)).status == Status.CANCELLED
        assert thing.state == State.CLOSED

    stage(runner, play)


def test_money_that_is_held_on_an_attempt_which_the_payment_has_left_is_let_go(runner: Runner) -> None:
    async def play(scene: Scene) -> None:
        scene.trip("start", lambda: Trip(breaks=True), only="stripe")
        moved = await scene.pay("", token="", manual=True, approves=False)
        assert (moved.provider, len(moved.attempts)) == ("paypal", 2)
        (left,) = scene.made()
        book = scene.world.services["stripe"].book
        book.approve(left)
        assert book.show(left).status == PaymentStatus.AUTHORIZED
        await asyncio.sleep(60)
        assert left.state == State.CLOSED
        assert (await scene.shop._get(moved.payment_id)).status in (Status.INITIATED, Status.REQUIRES_ACTION)

    stage(runner, play)
