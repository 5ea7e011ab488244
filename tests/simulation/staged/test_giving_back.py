"""How money goes back, staged: what has to be met at one moment to go wrong, in virtual time."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import NoReturn

import pytest
from fusionx.payment.v1 import payment_pb2, payment_service_pb2, refund_pb2
from fusionx.type.v1 import money_pb2

from mesh.errors import ApiError
from mesh.storage.database import Session
from payment_svc.domain.payment import Failure, Payment
from payment_svc.domain.refund import SURPLUS, RefundStatus
from payment_svc.domain.review import Resolution
from payment_svc.providers.base import RejectedError
from payment_svc.storage.payments import PaymentRepository
from tests.simulation.adapter import Trip
from tests.simulation.book import State
from tests.simulation.schedule import Runner
from tests.simulation.staged.scene import DAY, Scene, stage


@pytest.mark.parametrize("provider", ["stripe", "paypal"])
def test_repetition_after_the_provider_has_forgotten_sends_nothing(runner: Runner, provider: str) -> None:
    """Whose request died half-way may repeat it for a day; what is known of it is the answer."""

    async def play(scene: Scene) -> None:
        payment = await scene.pay(provider)
        scene.trip("refund", lambda: Trip(way_back=5.0))
        for process in scene.world.processes:
            if process.service == "payments":
                scene.world.spawn(scene.world.die(process, 0.25))
        with suppress(ApiError):
            await scene.refund(payment, "5.00", "mine")
        await asyncio.sleep(DAY + 60)
        assert scene.refunds() == [("SUCCESS", 500)]
        again = await scene.refund(payment, "5.00", "mine")
        assert again.status == refund_pb2.Refund.SUCCESS
        assert [made.amount for made in scene.thing(payment).refunds.values()] == [500]

    stage(runner, play)


def test_repetition_of_what_nobody_can_tell_sends_nothing_once_the_key_is_forgotten(runner: Runner) -> None:
    async def play(scene: Scene) -> None:
        payment = await scene.pay("paypal")
        # made, never answered, and never shown
        scene.trip("refund", lambda: Trip(is_answer_lost=True), 1000)
        scene.trip("fetch_refund", lambda: Trip(is_lost=True, is_cut=True), 1000)
        for process in scene.world.processes:
            if process.service == "payments":
                scene.world.spawn(scene.world.die(process, 0.3))
        with suppress(ApiError):
            await scene.refund(payment, "5.00", "mine")
        await asyncio.sleep(DAY / 2)
        with suppress(ApiError):
            await scene.refund(payment, "5.00", "mine")
        assert [made.amount for made in scene.thing(payment).refunds.values()] == [500]

    stage(runner, play)


@pytest.mark.parametrize("times", [1, 6])
def test_what_the_gateway_owes_is_given_back_though_the_provider_was_out_of_reach(runner: Runner, times: int) -> None:
    async def play(scene: Scene) -> None:
        scene.trip("refund", lambda: Trip(is_refused=True), times)
        _, thing = await scene.paid_twice()
        await asyncio.sleep(4 * 3600)
        assert (scene.refunds(), scene.reviews(), thing.kept) == ([("SUCCESS", 1200)], [], 0)

    stage(runner, play)


def test_refund_in_the_gateways_own_words_is_the_merchants(runner: Runner) -> None:
    """Merchants read those words in their lists, and may write the same."""

    async def play(scene: Scene) -> None:
        payment = await scene.pay()
        scene.trip("refund", lambda: Trip(is_refused=True))
        refund = await scene.refund(payment, "5.00", reason=SURPLUS)
        assert refund.status == refund_pb2.Refund.FAILED
        assert scene.reviews() == []

    stage(runner, play)


def test_surplus_that_a_merchant_has_given_back_first_is_over(runner: Runner) -> None:
    async def play(scene: Scene) -> None:
        late, thing = await scene.paid_twice()
        await scene.refund(late)
        await asyncio.sleep(60)
        assert (await scene.shop._get(late.payment_id)).surplus
        assert (scene.refunds(), scene.reviews(), thing.kept) == ([("SUCCESS", 1200)], [], 0)
        open_ones = scene.world.stores["payments"].count(
            "SELECT count(*) FROM operations WHERE next_try_time > '-infinity'"
        )
        assert open_ones == 0

    stage(runner, play)


@pytest.mark.parametrize("well", [True, False], ids=["made", "came back"])
def test_surplus_is_what_refunds_under_way_leave(runner: Runner, well: bool) -> None:
    """The rest goes back at once, and that of a refund which fails in the end as well."""

    async def play(scene: Scene) -> None:
        scene.slow_refunds()
        late, thing = await scene.paid_twice()
        mine = await scene.refund(late, "5.00")
        scene.world.profile = type(scene.world.profile)("staged")
        await asyncio.sleep(60)
        assert scene.refunds() == [("PENDING", 500), ("SUCCESS", 700)]
        scene.world.services["stripe"].book.end_refund(thing, mine.refund_id, well)
        await asyncio.sleep(60)
        rest = [] if well else [("SUCCESS", 500)]
        assert scene.refunds() == [("SUCCESS" if well else "FAILED", 500), ("SUCCESS", 700), *rest]
        assert (thing.kept, scene.reviews()) == (0, [])

    stage(runner, play)


def test_refund_that_fails_owes_nothing_that_a_person_is_asked_about(
    runner: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def play(scene: Scene) -> None:
        monkeypatch.setattr(scene.world.services["stripe"].book, "refund", _refuse)
        late, _ = await scene.paid_twice()
        await asyncio.sleep(60)
        assert (scene.refunds(), scene.reviews()) == ([("FAILED", 1200)], ["SURPLUS_KEPT"])
        for _ in range(2):
            await scene.refund(late, "1.00")
            await asyncio.sleep(60)
        assert scene.refunds() == [("FAILED", 1200), ("FAILED", 100), ("FAILED", 100)]
        assert scene.reviews() == ["SURPLUS_KEPT"]

    stage(runner, play)


def test_giving_back_what_went_back_meanwhile_ends_the_question(runner: Runner) -> None:
    async def play(scene: Scene) -> None:
        late, thing = await scene.paid_twice()
        book = scene.world.services["stripe"].book
        known, book.things = book.things, {}
        # the object is out of reach, as with another account's credentials: nobody can tell what became of it
        await asyncio.sleep(26 * 3600)
        book.things = known
        await scene.answer(Resolution.NOT_CAPTURED)
        await scene.refund(late)
        await scene.answer(Resolution.GIVE_BACK)
        await asyncio.sleep(60)
        assert scene.refunds() == [("FAILED", 1200), ("SUCCESS", 1200)]
        assert (thing.kept, scene.reviews()) == (0, [])

    stage(runner, play)


def test_surplus_of_a_page_without_a_name_is_given_back_of_that_page_alone(runner: Runner) -> None:
    """Its start had no answer, the payment moved on, and both pages were paid on."""

    async def play(scene: Scene) -> None:
        scene.trip("start", lambda: Trip(breaks=True), only="stripe")
        payment = await scene.pay("")
        assert (payment.provider, payment.status) == ("paypal", payment_pb2.Payment.SUCCESS)
        book = scene.world.services["stripe"].book
        page = next(iter(book.things.values()))
        book.approve(page)
        await asyncio.sleep(60)
        assert (scene.refunds(), page.kept, scene.thing(payment).kept) == ([("SUCCESS", 1200)], 0, 1200)

        # told of again, it is not given back again
        scene.world._notify("stripe", page, "paid", "")
        await asyncio.sleep(60)
        assert (scene.refunds(), scene.reviews()) == ([("SUCCESS", 1200)], [])

        # what comes back from the customer's bank is that page's still
        book.end_refund(page, next(iter(page.refunds)), False)
        await asyncio.sleep(60)
        assert scene.reviews() == ["SURPLUS_KEPT"]
        await scene.answer(Resolution.GIVE_BACK)
        await asyncio.sleep(60)
        assert scene.refunds() == [("FAILED", 1200), ("SUCCESS", 1200)]
        assert (page.kept, scene.thing(payment).kept, scene.reviews()) == (0, 1200, [])

    stage(runner, play)


def test_what_is_taken_back_beside_a_pending_refund_is_counted_once(runner: Runner) -> None:
    async def play(scene: Scene) -> None:
        payment = await scene.pay("paypal")
        thing, book = scene.thing(payment), scene.world.services["paypal"].book
        scene.slow_refunds()
        mine = await scene.refund(payment, "4.00")
        book.reverse(thing)
        await asyncio.sleep(60)
        assert scene.refunds() == [("PENDING", 400), ("SUCCESS", 800)]
        book.end_refund(thing, mine.refund_id, True)
        await asyncio.sleep(60)
        assert scene.refunds() == [("SUCCESS", 400), ("SUCCESS", 800)]
        assert (await scene.shop._get(payment.payment_id)).refunded_amount.value == "12.00"

    stage(runner, play)


def test_more_given_back_than_was_taken_is_a_question_and_blocks_nothing(runner: Runner) -> None:
    async def play(scene: Scene) -> None:
        payment = await scene.pay()
        thing, book = scene.thing(payment), scene.world.services["stripe"].book
        scene.slow_refunds()
        first = await scene.refund(payment)
        book.end_refund(thing, first.refund_id, False)
        await asyncio.sleep(10)
        await scene.refund(payment)
        # no provider should: it makes what it had said was not to be, and the other one
        (late, second) = thing.refunds.values()
        late.status = RefundStatus.PENDING
        book.end_refund(thing, list(thing.refunds)[1], True)
        await asyncio.sleep(10)
        _make_anyway(scene, first.refund_id)
        book.end_refund(thing, first.refund_id, True)
        await asyncio.sleep(600)
        assert scene.refunds() == [("SUCCESS", 1200), ("SUCCESS", 1200)]
        assert scene.reviews() == ["AMOUNT_DIFFERS"]
        assert second.status == RefundStatus.SUCCESS

    stage(runner, play)


def _make_anyway(scene: Scene, refund_id: str) -> None:
    """Forget that the refund's own object had failed: only a call had."""
    scene.world.stores["payments"].look.execute(
        "UPDATE refunds SET provider_reference = '' WHERE refund_id = %s", [refund_id]
    )


def test_charge_without_an_answer_goes_on_when_its_order_is_refused_to_it(runner: Runner) -> None:
    """That an order is paid by another payment meanwhile says nothing of a charge that may have been sent."""

    async def play(scene: Scene) -> None:
        late = await scene.pay(token="pm_declined")
        await asyncio.sleep(2)
        # carried out, and neither the answer nor the event of it comes
        scene.world.is_healed = False
        scene.world.profile = type(scene.world.profile)("staged", chances={"event_never_sent": 1.0})
        scene.trip("start", lambda: Trip(way_back=1.0, is_answer_lost=True, is_cut=True))
        unanswered = await scene.pay()
        scene.world.services["stripe"].book.relent(scene.thing(late))
        await asyncio.sleep(600)
        assert (await scene.shop._get(late.payment_id)).status == payment_pb2.Payment.SUCCESS
        ended = await scene.shop._get(unanswered.payment_id)
        assert (ended.status, ended.surplus) == (payment_pb2.Payment.SUCCESS, True)
        assert (scene.thing(late).kept, scene.thing(unanswered).kept) == (1200, 0)

    stage(runner, play)


def test_page_of_a_payment_that_moved_on_meanwhile_is_closed(runner: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the look at the order's other payments and the hold on them, they go on."""
    look = PaymentRepository.others_of_order

    async def slow(self: PaymentRepository, session: Session, payment: Payment) -> list[Payment]:
        found = await look(self, session, payment)
        await asyncio.sleep(4)
        return found

    async def play(scene: Scene) -> None:
        late = await scene.pay(token="pm_declined")
        await asyncio.sleep(2)
        scene.trip("start", lambda: Trip(way_back=2.0, breaks=True), only="stripe")
        paying = scene.world.spawn(scene.pay("", approves=False))
        await asyncio.sleep(1)
        monkeypatch.setattr(PaymentRepository, "others_of_order", slow)
        await scene.take_after_all(late)
        moved = await paying
        assert (moved.provider, len(moved.attempts)) == ("paypal", 2)
        await asyncio.sleep(60)
        assert (await scene.shop._get(moved.payment_id)).status == payment_pb2.Payment.CANCELLED

    stage(runner, play)


def test_page_that_was_opened_while_a_late_capture_was_written_down_is_closed(
    runner: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither of two transactions sees the other's payment: the order is paid, and its customer could pay again."""
    look, unseen = PaymentRepository.others_of_order, [True]

    async def before_it_is_committed(self: PaymentRepository, session: Session, payment: Payment) -> list[Payment]:
        found = await look(self, session, payment)
        return [] if unseen and unseen.pop() else found

    async def play(scene: Scene) -> None:
        late = await scene.pay(token="pm_declined")
        await asyncio.sleep(2)
        page = await scene.pay(token="pm_action")
        monkeypatch.setattr(PaymentRepository, "others_of_order", before_it_is_committed)
        await scene.take_after_all(late)
        await asyncio.sleep(60)
        assert scene.order() == ("SUCCESS", late.payment_id)
        assert (await scene.shop._get(page.payment_id)).status == payment_pb2.Payment.CANCELLED
        assert scene.thing(page).state == State.CLOSED

    stage(runner, play)


def test_order_that_is_settled_by_a_call_tells_of_the_part_that_was_captured(runner: Runner) -> None:
    async def play(scene: Scene) -> None:
        await scene.pay(token="pm_declined")
        await asyncio.sleep(2)
        held = await scene.pay(manual=True)
        await asyncio.sleep(2)
        # the event of the capture comes after the answer to the question whether it settles the order
        scene.world.stream.is_away = True
        request = payment_service_pb2.CapturePaymentRequest(payment_id=held.payment_id)
        request.amount.CopyFrom(money_pb2.Money(value="5.00", currency="EUR"))
        await scene.shop._capture(held, request)
        await asyncio.sleep(30)
        assert scene.order() == ("SUCCESS", held.payment_id)
        (row,) = scene.world.stores["orders"].rows("SELECT captured_minor FROM orders")
        assert row.captured_minor == 500
        scene.world.stream.is_away = False
        scene.world.stream.tell()

    stage(runner, play)


def test_hold_is_let_go_though_a_capture_of_it_was_under_way_and_is_refused(
    runner: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def play(scene: Scene) -> None:
        late = await scene.pay(token="pm_declined")
        await asyncio.sleep(2)
        held = await scene.pay(manual=True)
        assert held.status == payment_pb2.Payment.AUTHORIZED
        scene.trip("capture", lambda: Trip(way_there=5.0))
        monkeypatch.setattr(scene.world.services["stripe"].book, "capture", _refuse)
        request = payment_service_pb2.CapturePaymentRequest(payment_id=held.payment_id)
        capturing = scene.world.spawn(scene.shop._capture(held, request))
        await asyncio.sleep(1)
        await scene.take_after_all(late)
        await capturing
        await asyncio.sleep(60)
        assert (await scene.shop._get(held.payment_id)).status == payment_pb2.Payment.CANCELLED
        assert scene.thing(held).state == State.CLOSED

    stage(runner, play)


def _refuse(*_: object, **__: object) -> NoReturn:
    raise RejectedError(Failure("provider_rejected", "not now"))
