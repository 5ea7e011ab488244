"""Which object a payment is known by: money on another one, a name that comes late, and one thing asked at a time."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from fusionx.payment.v1 import payment_pb2, payment_service_pb2

from mesh.errors import ApiError
from payment_svc.domain.review import Resolution
from payment_svc.providers.base import ObjectNotFoundError
from tests.simulation.adapter import Trip
from tests.simulation.book import State, Thing
from tests.simulation.schedule import Runner
from tests.simulation.staged import questions
from tests.simulation.staged.scene import DAY, Scene, stage

Status = payment_pb2.Payment.Status
SILENT = Trip(is_lost=True, is_cut=True)


def _twin(scene: Scene, thing: Thing, state: State) -> Thing:
    """Return another object at the provider that carries the same payment's id, after it was told of."""
    twin = replace(thing, reference="pi_twin", intent="pi_twin", refunds={}, state=state)
    twin.captured = twin.amount.minor if state == State.CAPTURED else 0
    scene.world.services["stripe"].book.things["pi_twin"] = twin
    scene.world._notify("stripe", twin, "paid", "")
    return twin


@pytest.mark.parametrize("is_paid", [True, False])
@pytest.mark.parametrize(
    ("state", "asked"),
    [(State.CAPTURED, ["FOREIGN_CAPTURE"]), (State.HELD, ["FOREIGN_CAPTURE"]), (State.PROCESSING, [])],
)
def test_person_is_asked_about_a_second_object_with_money_of_one_payment(
    runner: Runner, is_paid: bool, state: State, asked: list[str]
) -> None:
    async def play(scene: Scene) -> None:
        payment = await scene.pay(token="pm_card" if is_paid else "pm_slow")
        await asyncio.sleep(5)
        twin = _twin(scene, scene.thing(payment), state)
        await asyncio.sleep(60)
        assert scene.reviews() == asked
        # told of again it is the same question
        scene.world._notify("stripe", twin, "paid", "")
        await asyncio.sleep(60)
        assert scene.reviews() == asked
        now = await scene.shop._get(payment.payment_id)
        assert now.status == (Status.SUCCESS if is_paid else Status.PROCESSING)
        assert now.provider_reference == payment.provider_reference

    stage(runner, play)


def test_page_and_what_was_paid_on_it_are_one_object_of_two_names(runner: Runner) -> None:
    async def play(scene: Scene) -> None:
        payment = await scene.pay(token="")
        thing = scene.thing(payment)
        assert thing.intent != thing.reference == payment.provider_reference
        scene.world.services["stripe"].book.approve(thing)
        await asyncio.sleep(60)
        scene.world._notify("stripe", thing, "paid", "")
        await asyncio.sleep(60)
        assert ((await scene.shop._get(payment.payment_id)).status, scene.reviews()) == (Status.SUCCESS, [])

    stage(runner, play)


def test_capture_that_a_person_has_seen_gets_its_name_and_can_be_given_back(runner: Runner) -> None:
    async def play(scene: Scene) -> None:
        asked = await questions.unanswered_charge(done=True)(scene)
        await scene.answer(Resolution.CAPTURED)
        confirmed = await scene.shop._get(asked.payment.payment_id)
        assert confirmed.provider_reference.startswith("review:")
        asked.back()
        scene.world.is_healed = True
        scene.world._notify("stripe", asked.thing, "charged", "")
        await asyncio.sleep(60)
        named = await scene.shop._get(confirmed.payment_id)
        assert (named.status, named.provider_reference) == (Status.SUCCESS, asked.thing.reference)
        await scene.refund(named)
        await asyncio.sleep(60)
        assert (scene.refunds(), asked.thing.kept, scene.reviews()) == ([("SUCCESS", 1200)], 0, [])

    stage(runner, play)


def test_object_of_another_amount_than_a_person_has_seen_is_a_question(runner: Runner) -> None:
    async def play(scene: Scene) -> None:
        asked = await questions.unanswered_charge(done=True)(scene)
        await scene.answer(Resolution.CAPTURED)
        asked.back()
        scene.world.is_healed = True
        asked.thing.captured = 1100
        scene.world._notify("stripe", asked.thing, "charged", "")
        await asyncio.sleep(60)
        assert scene.reviews() == ["FOREIGN_CAPTURE"]
        assert (await scene.shop._get(asked.payment.payment_id)).provider_reference.startswith("review:")

    stage(runner, play)


def test_page_that_was_never_opened_is_given_up_and_its_order_is_payable(runner: Runner) -> None:
    async def play(scene: Scene) -> None:
        scene.trip("start", lambda: SILENT, 10_000, only="paypal")
        payment = await scene.pay("paypal", approves=False)
        assert payment.status == Status.PROCESSING
        await asyncio.sleep(2 * 3600)
        assert (await scene.shop._get(payment.payment_id)).status == Status.PROCESSING
        await asyncio.sleep(4 * 3600)
        ended = await scene.shop._get(payment.payment_id)
        assert (ended.status, scene.reviews()) == (Status.FAILED, [])

    stage(runner, play)


def test_hold_is_not_captured_while_a_cancel_of_its_page_has_no_answer(runner: Runner) -> None:
    """The page was to be closed, and another card was tried on it before that was carried out."""

    async def play(scene: Scene) -> None:
        payment = await scene.pay(token="", manual=True)
        thing, book = scene.thing(payment), scene.world.services["stripe"].book
        book.approve(thing, "declines")
        await asyncio.sleep(5)
        scene.trip("cancel", lambda: SILENT)
        await scene.shop._cancel(payment)
        book.approve(thing)
        await asyncio.sleep(2)
        held = await scene.shop._get(payment.payment_id)
        assert (held.status, len(held.attempts)) == (Status.AUTHORIZED, 2)
        capture = payment_service_pb2.CapturePaymentRequest(payment_id=payment.payment_id)
        with pytest.raises(ApiError) as refused:
            await scene.shop._once("CapturePayment", capture, "payments", "payments")
        assert refused.value.reason == "OPERATION_IN_PROGRESS"
        await asyncio.sleep(120)
        assert ((await scene.shop._get(payment.payment_id)).status, thing.state) == (Status.CANCELLED, State.CLOSED)

    stage(runner, play)


@pytest.mark.parametrize(("seconds", "verdict"), [(60, "APPLIED"), (3 * DAY, "QUARANTINED")])
def test_event_waits_for_its_object_to_be_shown(runner: Runner, seconds: float, verdict: str) -> None:
    """Sent again after it was not believed, it is applied."""

    async def play(scene: Scene) -> None:
        payment = await scene.pay(token="pm_slow")
        await asyncio.sleep(5)
        thing, book = scene.thing(payment), scene.world.services["stripe"].book
        usual, hidden = book.find, True

        def find(reference: str) -> Thing:
            if hidden:
                raise ObjectNotFoundError("not yet")
            return usual(reference)

        book.find = find  # type: ignore[method-assign]
        book.settle(thing, True)
        number = scene.world._events
        await asyncio.sleep(seconds)
        hidden = False
        await asyncio.sleep(3600)
        events = f"SELECT status FROM provider_events WHERE event_id = 'ev_stripe_{number}'"
        assert [row.status for row in scene.world.stores["payments"].rows(events)] == [verdict]
        scene.world._events = number - 1
        scene.world._notify("stripe", thing, "settled", "")
        await asyncio.sleep(3600)
        assert [row.status for row in scene.world.stores["payments"].rows(events)] == ["APPLIED"]
        assert (await scene.shop._get(payment.payment_id)).status == Status.SUCCESS

    stage(runner, play)
