"""One database is put back to what it was: nothing moves twice, and what others know comes forward."""

from __future__ import annotations

import asyncio
from datetime import datetime

import pytest
from fusionx.order.v1 import order_service_pb2
from fusionx.payment.v1 import payment_pb2

from mesh.errors import ApiError
from mesh.ids import new_id
from mesh.money import Money
from payment_svc.domain.payment import Failure
from payment_svc.domain.review import Resolution
from payment_svc.providers.base import CredentialsRefusedError, ProviderError, RejectedError
from stack.operate.unsettled import ask_to_settle
from tests.simulation.adapter import Trip
from tests.simulation.book import State
from tests.simulation.schedule import Runner
from tests.simulation.staged.scene import DAY, Scene, stage


def test_order_that_was_paid_is_not_charged_again_and_hears_of_it(runner: Runner) -> None:
    async def play(scene: Scene) -> None:
        orders = scene.world.stores["orders"]
        orders.save()
        paid = await scene.pay()
        await asyncio.sleep(5)
        assert scene.order() == ("SUCCESS", paid.payment_id)
        await scene.restore("orders")
        assert scene.order() == ("NEW", "")
        with pytest.raises(ApiError) as refused:
            await scene.pay()
        assert (refused.value.reason, refused.value.metadata["payment_id"]) == ("ORDER_NOT_PAYABLE", paid.payment_id)
        await asyncio.sleep(60)
        assert scene.order() == ("SUCCESS", paid.payment_id)
        assert [thing.captured for thing in scene.made()] == [1200]

    stage(runner, play)


@pytest.mark.parametrize("is_cancelled", [False, True], ids=["unpaid", "cancelled"])
def test_order_whose_capture_nobody_tells_of_again_is_asked_about_by_the_restore(
    runner: Runner, is_cancelled: bool
) -> None:
    async def play(scene: Scene) -> None:
        orders, payments = scene.world.stores["orders"], scene.world.stores["payments"]
        orders.save()
        paid = await scene.pay()
        await asyncio.sleep(60)
        await scene.restore("orders")
        assert ask_to_settle(orders.url, payments.url) == 1
        assert ask_to_settle(orders.url, payments.url) == 0
        if is_cancelled:
            cancel = order_service_pb2.CancelOrderRequest(order_id=scene.shop.order_id)
            await scene.shop._sure("CancelOrder", cancel, "orders", "orders")
        await asyncio.sleep(60)
        assert scene.order() == (("CANCELLED", "") if is_cancelled else ("SUCCESS", paid.payment_id))
        assert scene.thing(paid).kept == (0 if is_cancelled else 1200)
        assert ask_to_settle(orders.url, payments.url) == 0

    stage(runner, play)


def test_capture_of_an_order_that_expired_before_the_restore_could_ask_goes_back(runner: Runner) -> None:
    async def play(scene: Scene) -> None:
        orders, payments = scene.world.stores["orders"], scene.world.stores["payments"]
        orders.save()
        paid = await scene.pay()
        await asyncio.sleep(60)
        await scene.restore("orders")
        cancel = order_service_pb2.CancelOrderRequest(order_id=scene.shop.order_id)
        await scene.shop._sure("CancelOrder", cancel, "orders", "orders")
        assert ask_to_settle(orders.url, payments.url) == 1
        await asyncio.sleep(60)
        assert scene.order() == ("CANCELLED", "")
        assert scene.thing(paid).kept == 0

    stage(runner, play)


def test_capture_that_comes_after_its_restored_order_was_cancelled_goes_back(runner: Runner) -> None:
    async def play(scene: Scene) -> None:
        orders, payments = scene.world.stores["orders"], scene.world.stores["payments"]
        orders.save()
        slow = await scene.pay(token="pm_slow")
        assert ask_to_settle(orders.url, payments.url) == 0
        await scene.restore("orders")
        assert ask_to_settle(orders.url, payments.url) == 1
        cancel = order_service_pb2.CancelOrderRequest(order_id=scene.shop.order_id)
        await scene.shop._sure("CancelOrder", cancel, "orders", "orders")
        scene.world.services["stripe"].book.settle(scene.thing(slow), True)
        await asyncio.sleep(120)
        assert scene.order() == ("CANCELLED", "")
        assert scene.thing(slow).kept == 0

    stage(runner, play)


def test_money_that_is_held_when_its_order_is_put_back_pays_it(runner: Runner) -> None:
    async def play(scene: Scene) -> None:
        orders = scene.world.stores["orders"]
        orders.save()
        slow = await scene.pay(token="pm_slow")
        await scene.restore("orders")
        with pytest.raises(ApiError, match="under way"):
            await scene.pay()
        scene.world.services["stripe"].book.settle(scene.thing(slow), True)
        await asyncio.sleep(60)
        assert scene.order() == ("SUCCESS", slow.payment_id)

    stage(runner, play)


@pytest.mark.parametrize("token", ["pm_card", "pm_slow"], ids=["taken", "under way"])
def test_payment_that_is_lost_is_found_at_its_provider_before_another_takes_its_place(
    runner: Runner, token: str
) -> None:
    async def play(scene: Scene) -> None:
        payments, book = scene.world.stores["payments"], scene.world.services["stripe"].book
        payments.save()
        lost = await scene.pay(token="pm_slow")
        await scene.restore("payments")
        if token == "pm_card":
            book.settle(scene.thing(lost), True)
            await asyncio.sleep(60)
        assert scene.order() == ("PROCESSING", lost.payment_id)
        with pytest.raises(ApiError) as refused:
            await scene.pay()
        assert (refused.value.reason, refused.value.metadata["payment_id"]) == ("PAYMENT_IN_PROGRESS", lost.payment_id)
        book.settle(scene.thing(lost), True)
        await asyncio.sleep(60)
        assert scene.order() == ("SUCCESS", lost.payment_id)
        assert (await scene.shop._get(lost.payment_id)).captured_amount.value == "12.00"
        assert [thing.captured for thing in scene.made()] == [1200]

    stage(runner, play)


def test_page_that_is_lost_is_closed_before_another_payment_takes_its_place(runner: Runner) -> None:
    async def play(scene: Scene) -> None:
        payments = scene.world.stores["payments"]
        payments.save()
        lost = await scene.pay(token="pm_action")
        await scene.restore("payments")
        paid = await scene.pay()
        await asyncio.sleep(60)
        assert scene.order() == ("SUCCESS", paid.payment_id)
        assert [thing.state for thing in scene.made()] == [State.CLOSED, State.CAPTURED]
        assert scene.thing(lost).payment_id == lost.payment_id

    stage(runner, play)


def test_payment_that_no_provider_has_leaves_its_place_to_another(runner: Runner) -> None:
    async def play(scene: Scene) -> None:
        payments = scene.world.stores["payments"]
        payments.save()
        await scene.pay(token="pm_slow")
        scene.world.services["stripe"].book.things.clear()
        await scene.restore("payments")
        with pytest.raises(ApiError, match="paypal cannot say yet"):
            await scene.pay(once=True)
        await asyncio.sleep(7 * 3600)
        paid = await scene.pay()
        await asyncio.sleep(60)
        assert scene.order() == ("SUCCESS", paid.payment_id)

    stage(runner, play)


@pytest.mark.parametrize("manual", [False, True], ids=["captured", "held"])
@pytest.mark.parametrize("later", [0, DAY], ids=["at once", "a day later"])
def test_payment_at_a_provider_that_finds_no_object_by_our_id_is_found_by_its_money(
    runner: Runner, manual: bool, later: float
) -> None:
    async def play(scene: Scene) -> None:
        payments = scene.world.stores["payments"]
        payments.save()
        lost = await scene.pay("paypal", manual=manual, approves=False)
        thing = scene.thing(lost)
        # carried out while the database was put back: nobody here has heard of it
        thing.state, thing.captured = (State.HELD, 0) if manual else (State.CAPTURED, 1200)
        await scene.restore("payments")
        await asyncio.sleep(later)
        with pytest.raises(ApiError) as refused:
            await scene.pay()
        assert (refused.value.reason, refused.value.metadata["payment_id"]) == ("PAYMENT_IN_PROGRESS", lost.payment_id)
        assert scene.made() == []
        await asyncio.sleep(60)
        assert (await scene.shop._get(lost.payment_id)).status == (
            payment_pb2.Payment.AUTHORIZED if manual else payment_pb2.Payment.SUCCESS
        )

    stage(runner, play)


def test_page_that_is_lost_and_was_not_paid_leaves_its_place_once_its_time_is_over(runner: Runner) -> None:
    """Whoever approves it in the meantime pays nothing: that takes a capture of ours."""

    async def play(scene: Scene) -> None:
        payments = scene.world.stores["payments"]
        payments.save()
        lost = await scene.pay("paypal", approves=False)
        await scene.restore("payments")
        with pytest.raises(ApiError) as refused:
            await scene.pay(once=True)
        assert (refused.value.reason, refused.value.metadata["payment_id"]) == ("PROVIDER_UNAVAILABLE", lost.payment_id)
        thing = scene.things(lost)[0]
        scene.world.services["paypal"].book.approve(thing)
        await asyncio.sleep(7 * 3600)
        paid = await scene.pay()
        await asyncio.sleep(60)
        assert (scene.order(), thing.captured) == (("SUCCESS", paid.payment_id), 0)

    stage(runner, play)


def test_place_of_a_payment_is_kept_while_a_provider_does_not_say_whether_it_has_it(runner: Runner) -> None:
    async def play(scene: Scene) -> None:
        payments = scene.world.stores["payments"]
        payments.save()
        await scene.pay(token="pm_slow")
        await scene.restore("payments")
        scene.trip("find", lambda: Trip(is_refused=True), 2)
        paid = scene.world.spawn(scene.pay())
        await asyncio.sleep(0.3)
        assert len(scene.made()) == 1
        with pytest.raises(ApiError, match="under way"):
            await paid

    stage(runner, play)


@pytest.mark.parametrize(
    "error", [RejectedError(Failure("forbidden", "no search")), CredentialsRefusedError("revoked")]
)
def test_place_of_a_payment_is_not_kept_for_ever_where_its_provider_refuses_to_say(
    runner: Runner, error: ProviderError
) -> None:
    def refuse() -> Trip:
        raise error

    async def play(scene: Scene) -> None:
        payments = scene.world.stores["payments"]
        payments.save()
        await scene.pay("paypal", approves=False)
        await scene.restore("payments")
        scene.world.stores["orders"].look.execute("UPDATE orders SET expire_time = expire_time + interval '9 days'")
        scene.trip("recall", refuse, 100)
        with pytest.raises(ApiError, match="paypal cannot say yet") as refused:
            await scene.pay(once=True)
        until = datetime.fromisoformat(refused.value.metadata["until"])
        left = (until - scene.world.now()).total_seconds()
        assert 0 < left < 3 * DAY
        await asyncio.sleep(left - 60)
        with pytest.raises(ApiError, match="paypal cannot say yet"):
            await scene.pay(once=True)
        await asyncio.sleep(120)
        paid = await scene.pay()
        await asyncio.sleep(60)
        assert scene.order() == ("SUCCESS", paid.payment_id)

    stage(runner, play)


def test_refund_that_is_lost_is_not_made_again_by_a_repetition(runner: Runner) -> None:
    """Two refunds were made after the backup; each key is good for its own, and another one for another."""

    async def play(scene: Scene) -> None:
        payments = scene.world.stores["payments"]
        paid = await scene.pay()
        await asyncio.sleep(60)
        payments.save()
        before = scene.world.now()
        made = [await scene.refund(paid, "5.00", key) for key in ("mine", "yours")]
        await asyncio.sleep(60)
        await scene.restore("payments")
        payments.look.execute("INSERT INTO restores VALUES (%s, %s)", [scene.world.now(), before])
        again = [await scene.refund(paid, "5.00", key) for key in ("mine", "yours", "mine")]
        assert {one.refund_id for one in again} == {one.refund_id for one in made}
        assert again[0].refund_id == again[2].refund_id
        assert scene.refunds() == [("SUCCESS", 500), ("SUCCESS", 500)]
        assert len(scene.thing(paid).refunds) == 2
        with pytest.raises(ApiError):
            await scene.refund(paid, "5.00", "another")
        await scene.refund(paid, "2.00", "another")
        assert scene.thing(paid).kept == 0

    stage(runner, play)


def test_refund_waits_while_its_provider_does_not_say_what_it_has_given_back(runner: Runner) -> None:
    async def play(scene: Scene) -> None:
        paid = await scene.pay()
        now = scene.world.now()
        scene.world.stores["payments"].look.execute("INSERT INTO restores VALUES (%s, %s)", [now, now])
        scene.trip("given_back", lambda: Trip(is_refused=True))
        with pytest.raises(ApiError) as refused:
            await scene.refund(paid, "5.00", "mine")
        assert refused.value.reason == "PROVIDER_UNAVAILABLE"
        assert not scene.refunds()
        await scene.refund(paid, "5.00", "mine")
        assert scene.refunds() == [("SUCCESS", 500)]

    stage(runner, play)


@pytest.mark.parametrize("lost", [1200, 500])
def test_what_is_owed_is_what_the_provider_has_not_given_back_before_the_restore(runner: Runner, lost: int) -> None:
    """A late capture had gone back, all of it or a part, and the restored database knows neither."""

    async def play(scene: Scene) -> None:
        payments, book = scene.world.stores["payments"], scene.world.services["stripe"].book
        late = await scene.pay(token="pm_declined")
        await asyncio.sleep(2)
        await scene.pay()
        await asyncio.sleep(60)
        before = scene.world.now()
        payments.save()
        await asyncio.sleep(60)
        await scene.restore("payments")
        payments.look.execute("INSERT INTO restores VALUES (%s, %s)", [scene.world.now(), before])
        thing = scene.thing(late)
        book.relent(thing)
        book.refund(thing.reference, str(new_id()), lost, slow=False)
        scene.trip("given_back", lambda: Trip(is_refused=True))
        await asyncio.sleep(600)
        assert thing.kept == 0
        assert len(thing.refunds) == (1 if lost == 1200 else 2)
        assert not thing.refused
        assert scene.reviews() == []
        ended = [("FAILED", 1200)] if lost == 1200 else [("SUCCESS", 700)]
        assert sorted(scene.refunds()) == sorted([("SUCCESS", lost), *ended])
        (row,) = payments.rows(f"SELECT * FROM payments WHERE payment_id = '{late.payment_id}'")
        assert (row.surplus, row.refunded_minor) == (True, 1200)

    stage(runner, play)


@pytest.mark.parametrize(("lost", "fails"), [(1100, False), (500, False), (1100, True)])
def test_what_went_back_of_other_money_before_the_restore_counts(runner: Runner, lost: int, fails: bool) -> None:
    """What was found of it was nobody's: it was never noted as returned, and when it failed nobody was asked."""

    async def play(scene: Scene) -> None:
        payments, book = scene.world.stores["payments"], scene.world.services["stripe"].book
        payment, thing = await scene.received(Money(1100, "EUR"))
        now = scene.world.now()
        payments.look.execute("INSERT INTO restores VALUES (%s, %s)", [now, now])
        made = str(new_id())
        book.refund(thing.reference, made, lost, slow=fails)
        await scene.answer(Resolution.GIVE_BACK)
        await asyncio.sleep(600)
        assert len(thing.refunds) == (1 if lost == 1100 else 2)
        assert not thing.refused
        ended = [("FAILED", 1100)] if lost == 1100 else [("SUCCESS", 600)]
        assert sorted(scene.refunds()) == sorted([("PENDING" if fails else "SUCCESS", lost), *ended])
        if fails:
            assert scene.reviews() == []
            book.end_refund(thing, made, False)
            await asyncio.sleep(60)
        (row,) = payments.rows(f"SELECT * FROM attempts WHERE payment_id = '{payment.payment_id}'")
        assert (row.surplus_minor, scene.reviews()) == ((1100, ["SURPLUS_KEPT"]) if fails else (0, []))

    stage(runner, play)
