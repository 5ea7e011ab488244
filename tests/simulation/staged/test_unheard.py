"""An order that has not heard how its payment ended: the bus is away, or the event is on its way."""

from __future__ import annotations

import asyncio
from uuid import UUID

import pytest
from fusionx.payment.v1 import payment_pb2, payment_service_pb2

from mesh.errors import ApiError, unavailable
from payment_svc.domain.payment import Payment
from payment_svc.order_client import OrderCalls
from tests.simulation.schedule import Runner
from tests.simulation.staged.scene import Scene, stage


async def ends_unheard(scene: Scene, token: str) -> payment_pb2.Payment:
    """Return a payment that has ended unpaid, of which its order has heard nothing."""
    scene.world.stream.is_away = True
    ended = await scene.pay(token=token)
    if token == "pm_action":
        request = payment_service_pb2.CancelPaymentRequest(payment_id=ended.payment_id)
        ended = await scene.shop._sure("CancelPayment", request, "payments", "payments")
    assert ended.status in (payment_pb2.Payment.FAILED, payment_pb2.Payment.CANCELLED)
    assert scene.order() == ("PROCESSING", ended.payment_id)
    return ended


def come_back(scene: Scene) -> None:
    """Have NATS be there again."""
    scene.world.stream.is_away = False
    scene.world.stream.tell()


def unreachable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the next reservation find no order service."""
    reserve, fails = OrderCalls.reserve, [True]

    async def once(calls: OrderCalls, payment: Payment, replaces: UUID | None) -> None:
        if fails:
            fails.clear()
            raise unavailable("UNREACHABLE", "no order service answers")
        await reserve(calls, payment, replaces)

    monkeypatch.setattr(OrderCalls, "reserve", once)


@pytest.mark.parametrize("token", ["pm_declined", "pm_action"], ids=["declined", "cancelled"])
def test_order_is_paid_anew_at_once_though_it_has_not_heard(runner: Runner, token: str) -> None:
    async def play(scene: Scene) -> None:
        ended = await ends_unheard(scene, token)
        paid = await scene.pay()
        assert scene.order() == ("PROCESSING", paid.payment_id)
        come_back(scene)
        await asyncio.sleep(60)
        assert scene.order() == ("SUCCESS", paid.payment_id)
        if token == "pm_declined":
            # what it takes after all goes back as ever
            thing = scene.thing(ended)
            scene.world.services["stripe"].book.relent(thing)
            await asyncio.sleep(60)
            assert (thing.captured, thing.kept) == (1200, 0)

    stage(runner, play)


def test_order_that_has_not_heard_that_it_is_paid_says_so(runner: Runner) -> None:
    async def play(scene: Scene) -> None:
        scene.world.stream.is_away = True
        paid = await scene.pay()
        with pytest.raises(ApiError) as refused:
            await scene.pay()
        assert (refused.value.reason, refused.value.metadata["payment_id"]) == ("ORDER_NOT_PAYABLE", paid.payment_id)
        await asyncio.sleep(5)
        # it is asked about by a call
        assert scene.order() == ("SUCCESS", paid.payment_id)
        come_back(scene)

    stage(runner, play)


@pytest.mark.parametrize("is_lost", [False, True], ids=["closed", "nowhere"])
def test_payment_of_which_it_was_said_that_it_goes_on_takes_the_place_of_the_one_before(
    runner: Runner, monkeypatch: pytest.MonkeyPatch, is_lost: bool
) -> None:
    """Also that of one which a restore has lost and no provider has, as was seen before it began."""

    async def play(scene: Scene) -> None:
        if is_lost:
            scene.world.stores["payments"].save()
        await scene.pay(token="pm_slow" if is_lost else "pm_action")
        if is_lost:
            scene.world.services["stripe"].book.things.clear()
            await scene.restore("payments")
            # by then every provider can say that it has none
            await asyncio.sleep(7 * 3600)
        scene.world.stream.is_away = True
        unreachable(monkeypatch)
        with pytest.raises(ApiError, match="goes on") as said:
            await scene.pay(once=True)
        await asyncio.sleep(60)
        payment_id = said.value.metadata["payment_id"]
        assert scene.order()[1] == payment_id
        come_back(scene)
        await asyncio.sleep(5)
        assert scene.order() == ("SUCCESS", payment_id)

    stage(runner, play)


def test_payment_that_a_restore_brings_back_leaves_the_place_to_a_later_one_that_it_has_lost(
    runner: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def play(scene: Scene) -> None:
        unreachable(monkeypatch)
        with pytest.raises(ApiError, match="goes on"):
            await scene.pay(token="pm_declined", once=True)
        scene.world.stores["payments"].save()
        await asyncio.sleep(60)
        later = await scene.pay(token="pm_slow")
        assert scene.order() == ("PROCESSING", later.payment_id)
        await scene.restore("payments")
        await asyncio.sleep(60)
        assert scene.order()[1] == later.payment_id

    stage(runner, play)
