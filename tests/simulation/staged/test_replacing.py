"""A payment that takes the place of one that waits, staged: one key is one payment, however often and late it runs."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

import pytest
from fusionx.payment.v1 import payment_pb2, payment_service_pb2

from mesh.errors import ApiError
from payment_svc.domain.new_payment import NewPayment
from payment_svc.domain.payment import CaptureMethod, Payment
from tests.simulation.adapter import Trip
from tests.simulation.replica import PaymentProcess
from tests.simulation.schedule import Runner
from tests.simulation.staged.scene import Scene, stage
from tests.simulation.world import merchant_call

KEY = "the-same"
Status = payment_pb2.Payment.Status


def replicas(scene: Scene) -> list[PaymentProcess]:
    """Return the two processes that take payments."""
    return [process for process in scene.world.processes if isinstance(process, PaymentProcess)]


def pay_at(scene: Scene, process: PaymentProcess, token: str = "pm_action") -> asyncio.Task[payment_pb2.Payment]:
    """Ask one replica for a payment under the key."""
    call = merchant_call(scene.world, scene.shop.merchant_id, "CreatePayment", KEY)
    request = payment_service_pb2.CreatePaymentRequest(
        order_id=scene.shop.order_id, provider="stripe", payment_method=token, return_url="https://shop.test/back"
    )
    return process.spawn(process.payments.CreatePayment(request, None), call)  # type: ignore[arg-type]


async def answer_of(
    scene: Scene, task: asyncio.Task[payment_pb2.Payment], token: str = "pm_action"
) -> payment_pb2.Payment:
    """Return what a client is answered that repeats at the other replica for as long as the first request runs."""
    for _ in range(60):
        try:
            return await task
        except ApiError as error:
            if error.reason != "IDEMPOTENCY_KEY_IN_USE":
                raise
        await asyncio.sleep(2)
        task = pay_at(scene, replicas(scene)[1], token)
    raise AssertionError("the request is under way for ever")


def made(scene: Scene) -> list[Any]:
    """Return the payments, in the order in which they were made."""
    return scene.world.stores["payments"].rows("SELECT * FROM payments ORDER BY create_time, payment_id")


@pytest.mark.parametrize("waits", [True, False], ids=["beside one that waits", "of a new order"])
@pytest.mark.parametrize("apart", [0.0, 0.3, 0.8])
def test_second_request_under_a_key_closes_nothing_that_the_first_has_made(
    runner: Runner, apart: float, waits: bool
) -> None:
    async def play(scene: Scene) -> None:
        if waits:
            await scene.pay(token="pm_action")
        one, other = replicas(scene)
        first = pay_at(scene, one)
        await asyncio.sleep(apart)
        second = pay_at(scene, other)
        answers = await asyncio.gather(answer_of(scene, first), answer_of(scene, second))
        assert len({answer.payment_id for answer in answers}) == 1
        *replaced, live = made(scene)
        assert (str(live.payment_id), live.status, live.requires_action) == (answers[0].payment_id, "PROCESSING", True)
        assert [row.status for row in replaced] == ["CANCELLED"] * waits

    stage(runner, play)


@pytest.mark.parametrize("is_back", [20.0, 45.0])
def test_closing_that_outlasts_its_lease_makes_no_second_payment(runner: Runner, is_back: float) -> None:
    """Whoever comes back from it late finds its key taken over, and answers with what was made under it."""

    async def play(scene: Scene) -> None:
        await scene.pay(token="pm_action")
        one, other = replicas(scene)
        scene.trip("cancel", lambda: Trip(work=0.05, way_back=0.2))
        first = pay_at(scene, one, "pm_card")
        await asyncio.sleep(0.15)
        one.frozen_until = scene.world.loop.time() + is_back
        await asyncio.sleep(1)
        repeated = await answer_of(scene, pay_at(scene, other, "pm_card"), "pm_card")
        late = await first
        assert late.payment_id == repeated.payment_id
        await asyncio.sleep(300)
        assert [row.status for row in made(scene)] == ["CANCELLED", "SUCCESS"]
        books = scene.world.services["stripe"].book
        assert sum(thing.captured for thing in {id(t): t for t in books.things.values()}.values()) == 1200

    stage(runner, play)


def test_customer_who_chooses_anew_takes_the_place_of_their_own_page_at_once(runner: Runner) -> None:
    """The order need not hear first that the page was closed: in between it had failed, and lost its use of a link."""

    async def play(scene: Scene) -> None:
        first = await scene.pay("paypal", approves=False)
        assert first.redirect_url
        shop = scene.shop
        new = NewPayment(
            *(shop.merchant_id, UUID(shop.order_id), "paypal", "", "https://shop.test/back", ""),
            capture_method=CaptureMethod.AUTOMATIC,
            closes_page=True,
        )
        call = merchant_call(scene.world, shop.merchant_id, "StartCheckout")
        process = replicas(scene)[0]
        second = await process.spawn(process.parts.payments.create(new, None), call)
        assert isinstance(second, Payment)
        assert scene.order() == ("PROCESSING", str(second.payment_id))
        assert [row.status for row in made(scene)] == ["CANCELLED", "INITIATED"]

    stage(runner, play)
