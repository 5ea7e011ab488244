"""Money of another amount than the payment's, staged: a person's answer ends it."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest
from fusionx.payment.v1 import payment_pb2, payment_service_pb2

from mesh.errors import ApiError
from mesh.money import Money
from payment_svc.domain.review import Resolution
from tests.simulation.book import State, Thing
from tests.simulation.schedule import Runner
from tests.simulation.staged.scene import DAY, Scene, stage


@pytest.mark.parametrize(
    ("state", "answer", "refunds", "kept"),
    [
        (State.CAPTURED, Resolution.GIVE_BACK, [("SUCCESS", 1100)], 0),
        (State.CAPTURED, Resolution.NOT_CAPTURED, [], 1100),
        (State.HELD, Resolution.GIVE_BACK, [], 0),
        (State.HELD, Resolution.NOT_CAPTURED, [], 0),
    ],
)
def test_money_of_another_amount_is_asked_of_once_and_its_order_is_payable_again(
    runner: Runner, state: State, answer: Resolution, refunds: list[tuple[str, int]], kept: int
) -> None:
    async def play(scene: Scene) -> None:
        payment, thing = await scene.received(Money(1100, "EUR"), state)
        assert (await scene.shop._get(payment.payment_id)).status == payment_pb2.Payment.PROCESSING
        await scene.answer(answer)
        await asyncio.sleep(60)
        ended = await scene.shop._get(payment.payment_id)
        assert (ended.status, ended.failure.code) == (payment_pb2.Payment.FAILED, "amount_differs")
        assert (scene.refunds(), thing.kept) == (refunds, kept)
        is_voided = state == State.HELD and answer == Resolution.GIVE_BACK
        assert thing.state == (State.CLOSED if is_voided else state)

        # told of again, and beside another payment of the order, it is no question any more
        scene.world._notify("stripe", thing, "settled", "")
        again = await scene.pay()
        await asyncio.sleep(DAY)
        assert (await scene.shop._get(again.payment_id)).status == payment_pb2.Payment.SUCCESS
        assert (scene.refunds(), scene.reviews(), thing.kept) == (refunds, [], kept)

    stage(runner, play)


def test_more_that_comes_meanwhile_goes_back_too(runner: Runner) -> None:
    async def play(scene: Scene) -> None:
        _, thing = await scene.received(Money(500, "EUR"))
        scene.becomes(thing, Money(1100, "EUR"))
        await asyncio.sleep(60)
        await scene.answer(Resolution.GIVE_BACK)
        await asyncio.sleep(60)
        assert (scene.refunds(), thing.kept) == ([("SUCCESS", 1100)], 0)

        # after the answer it is a question of its own
        scene.becomes(thing, Money(1150, "EUR"))
        await asyncio.sleep(60)
        await scene.answer(Resolution.GIVE_BACK)
        await asyncio.sleep(60)
        assert (scene.refunds(), scene.reviews()) == ([("SUCCESS", 1100), ("SUCCESS", 50)], [])
        assert thing.kept == 0

    stage(runner, play)


def test_what_came_back_is_given_back_again_once_a_person_says_so(runner: Runner) -> None:
    async def play(scene: Scene) -> None:
        _, thing = await scene.received(Money(1100, "EUR"))
        await scene.answer(Resolution.GIVE_BACK)
        await asyncio.sleep(60)
        scene.world.services["stripe"].book.end_refund(thing, next(iter(thing.refunds)), False)
        await asyncio.sleep(60)
        assert scene.reviews() == ["SURPLUS_KEPT"]
        await scene.answer(Resolution.GIVE_BACK)
        await asyncio.sleep(60)
        assert (scene.refunds(), scene.reviews()) == ([("FAILED", 1100), ("SUCCESS", 1100)], [])
        assert thing.kept == 0

    stage(runner, play)


@pytest.mark.parametrize("since", [Money(1100, "USD"), Money(1200, "EUR")], ids=["other currency", "paid since"])
def test_what_cannot_be_given_back_is_refused_and_may_be_answered_otherwise(runner: Runner, since: Money) -> None:
    async def play(scene: Scene) -> None:
        payment, thing = await scene.received(Money(1100, "USD"))
        scene.becomes(thing, since)
        await asyncio.sleep(60)
        with pytest.raises(ApiError, match="answer NOT_CAPTURED"):
            await scene.answer(Resolution.GIVE_BACK)
        await scene.answer(Resolution.NOT_CAPTURED)
        await asyncio.sleep(60)
        paid = since.currency == "EUR"
        ended = (await scene.shop._get(payment.payment_id)).status
        assert ended == (payment_pb2.Payment.SUCCESS if paid else payment_pb2.Payment.FAILED)
        assert (scene.refunds(), scene.reviews()) == ([], [])

    stage(runner, play)


@pytest.mark.parametrize("state", [State.CAPTURED, State.HELD])
def test_charge_whose_own_answer_is_of_another_amount_is_a_question_and_no_error(runner: Runner, state: State) -> None:
    async def play(scene: Scene) -> None:
        book = scene.world.services["stripe"].book
        usual = book._take

        def take_less(thing: Thing) -> None:
            usual(thing)
            scene.turns(thing, Money(1100, "EUR"), state)

        book._take = take_less  # type: ignore[method-assign]
        payment = await scene.pay(once=True)
        book._take = usual  # type: ignore[method-assign]
        assert (payment.status, scene.reviews()) == (payment_pb2.Payment.PROCESSING, ["AMOUNT_DIFFERS"])
        await asyncio.sleep(3 * 3600)
        await scene.answer(Resolution.GIVE_BACK)
        await asyncio.sleep(3 * 3600)
        assert (await scene.shop._get(payment.payment_id)).status == payment_pb2.Payment.FAILED
        assert (scene.made()[0].kept, scene.reviews()) == (0, [])
        rows = scene.world.stores["payments"].rows("SELECT * FROM operations WHERE status IN ('SENT', 'UNKNOWN')")
        assert not rows

    stage(runner, play)


def test_refused_call_whose_object_shows_other_money_is_a_question_and_no_error(runner: Runner) -> None:
    """More was captured in the provider's dashboard before the merchant asked for a capture."""

    async def play(scene: Scene) -> None:
        payment = await scene.pay(manual=True)
        scene.turns(scene.thing(payment), Money(1300, "EUR"), State.CAPTURED)
        request = payment_service_pb2.CapturePaymentRequest(payment_id=payment.payment_id)
        with suppress(ApiError):
            await scene.shop._once("CapturePayment", request, "payments", "payments")
        assert scene.reviews() == ["AMOUNT_DIFFERS"]

    stage(runner, play)
