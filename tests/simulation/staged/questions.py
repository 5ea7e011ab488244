"""Every question that a person may be asked, staged: what has to happen for it to be put."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from fusionx.payment.v1 import payment_pb2, payment_service_pb2, refund_pb2
from fusionx.type.v1 import money_pb2

from mesh.errors import ApiError
from mesh.money import Money
from payment_svc.domain.payment import Failure
from payment_svc.domain.refund import RefundStatus
from payment_svc.providers.base import RejectedError
from tests.simulation.adapter import Trip
from tests.simulation.book import State, Thing
from tests.simulation.staged.scene import DAY, Scene

FOREVER = 10**9


@dataclass
class Asked:
    """What a person is asked about."""

    payment: payment_pb2.Payment
    thing: Thing
    refund: refund_pb2.Refund | None = None
    back: Callable[[], None] = lambda: None
    """Brings the provider back that was out of reach."""


def unanswered_capture(*, done: bool) -> Callable[[Scene], Any]:
    """A part of what was held was to be captured, no answer came, and the object is out of reach."""

    async def put(scene: Scene) -> Asked:
        payment = await scene.pay(manual=True)
        back = _away(scene, "capture", "fetch", done=done)
        request = payment_service_pb2.CapturePaymentRequest(payment_id=payment.payment_id)
        request.amount.CopyFrom(money_pb2.Money(value="5.00", currency="EUR"))
        await scene.shop._capture(payment, request)
        await asyncio.sleep(DAY + 7200)
        return Asked(payment, scene.thing(payment), back=back)

    return put


def unanswered_charge(*, done: bool, manual: bool = False) -> Callable[[Scene], Any]:
    """A charge had no answer, and nothing of it can be found."""

    async def put(scene: Scene) -> Asked:
        back = _away(scene, "start", "find", done=done)
        request = scene.pay(manual=manual)
        payment = await request
        await asyncio.sleep(DAY + 7200)
        nowhere = Thing("", "", payment.payment_id, scene.shop.order_id, Money(1200, "EUR"), False, False, "", 0.0)
        return Asked(payment, scene.thing(payment) if done else nowhere, back=back)

    return put


def unanswered_refund(*, done: bool) -> Callable[[Scene], Any]:
    """A refund had no answer, and nothing of it can be found."""

    async def put(scene: Scene) -> Asked:
        payment = await scene.pay()
        back = _away(scene, "refund", "fetch_refund", done=done)
        with suppress(ApiError):
            await scene.refund(payment, "5.00")
        await asyncio.sleep(DAY + 7200)
        return Asked(payment, scene.thing(payment), back=back)

    return put


def refund_of(shown: Money, status: RefundStatus = RefundStatus.PENDING) -> Callable[[Scene], Any]:
    """A refund of 5.00 that takes its time, of which the provider shows another amount."""

    async def put(scene: Scene) -> Asked:
        payment = await scene.pay()
        scene.slow_refunds()
        refund = await scene.refund(payment, "5.00")
        scene.world.profile = type(scene.world.profile)("staged")
        thing = scene.thing(payment)
        thing.amount = Money(1200, shown.currency)
        made = thing.refunds[refund.refund_id]
        made.amount, made.status = shown.minor, status
        await asyncio.sleep(60)
        return Asked(payment, thing, refund, back=_cut(scene, "fetch_refund"))

    return put


def other_money(state: State) -> Callable[[Scene], Any]:
    """Money of another amount came."""

    async def put(scene: Scene) -> Asked:
        return Asked(*await scene.received(Money(1100, "EUR"), state))

    return put


async def excess(scene: Scene) -> Asked:
    """A refund that had failed was made after all, beside the one that took its place."""
    payment = await scene.pay()
    thing, book = scene.thing(payment), scene.world.services["stripe"].book
    scene.slow_refunds()
    first = await scene.refund(payment)
    book.end_refund(thing, first.refund_id, False)
    await asyncio.sleep(10)
    await scene.refund(payment)
    book.end_refund(thing, list(thing.refunds)[1], True)
    await asyncio.sleep(10)
    # its own object had not failed, only a call had
    forget = "UPDATE refunds SET provider_reference = '' WHERE refund_id = %s"
    scene.world.stores["payments"].look.execute(forget, [first.refund_id])
    book.end_refund(thing, first.refund_id, True)
    await asyncio.sleep(60)
    return Asked(payment, thing)


def gone(*, restored: bool = False) -> Callable[[Scene], Any]:
    """A capture was denied after it was confirmed; `restored`: and is there again."""

    async def put(scene: Scene) -> Asked:
        payment = await scene.pay("paypal")
        thing = scene.thing(payment)
        scene.world.services["paypal"].book.deny(thing)
        await asyncio.sleep(60)
        if restored:
            thing.state, thing.captured = State.CAPTURED, 1200
        return Asked(payment, thing)

    return put


async def taken(scene: Scene) -> Asked:
    """The provider has taken back more than there was."""
    payment = await scene.pay("paypal")
    thing = scene.thing(payment)
    thing.shown_as_reversed = Money(1500, "EUR")
    scene.world.services["paypal"].book.reverse(thing)
    await asyncio.sleep(60)
    return Asked(payment, thing)


async def foreign(scene: Scene) -> Asked:
    """Another object is shown under the name of the payment's."""
    payment = await scene.pay(token="pm_slow")
    thing = scene.thing(payment)
    thing.reference = "pi_another"
    await asyncio.sleep(60)
    return Asked(payment, thing)


async def surplus(scene: Scene) -> Asked:
    """The order was paid twice, and the provider refuses to give one back."""
    book = scene.world.services["stripe"].book
    usual = book.refund

    def refuse(*_: object, **__: object) -> Any:
        raise RejectedError(Failure("provider_rejected", "not now"))

    book.refund = refuse  # type: ignore[method-assign]
    payment, thing = await scene.paid_twice()
    await asyncio.sleep(60)
    book.refund = usual  # type: ignore[method-assign]
    return Asked(payment, thing)


def _away(scene: Scene, asked: str, looked: str, *, done: bool) -> Callable[[], None]:
    """Lose every answer to what is asked, or the request itself, and every look; nothing is told of it either."""
    scene.world.is_healed = False
    scene.world.profile = type(scene.world.profile)("staged", chances={"event_never_sent": 1.0})
    lost = (lambda: Trip(is_answer_lost=True, is_cut=True)) if done else (lambda: Trip(is_lost=True, is_cut=True))
    usual = {name: one.trip for name, one in scene.world.services.items()}
    scene.trip(asked, lost, FOREVER)
    scene.trip(looked, lambda: Trip(is_lost=True, is_cut=True), FOREVER)

    def back() -> None:
        for name, trip in usual.items():
            scene.world.services[name].trip = trip

    return back


def _cut(scene: Scene, looked: str) -> Callable[[], None]:
    return lambda: scene.trip(looked, lambda: Trip(is_lost=True, is_cut=True), FOREVER)
