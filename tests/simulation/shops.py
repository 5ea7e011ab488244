"""Shops of the simulation: they pay again as soon as they may, and note what they were told for sure."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import grpc
from fusionx.order.v1 import order_pb2, order_service_pb2
from fusionx.payment.v1 import payment_pb2, payment_service_pb2, refund_pb2, refund_service_pb2
from fusionx.type.v1 import money_pb2

from mesh.errors import ApiError
from tests.simulation.book import Book, State, Thing
from tests.simulation.world import World, merchant_call

Status = payment_pb2.Payment.Status
LATER = {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.ABORTED}
"""What a client repeats under the same key."""
LOOKS = (1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200)


@dataclass(frozen=True)
class Said:
    """Something that a merchant was told for sure."""

    what: str
    """`cancelled` or `captured`, by an answer of 200."""
    payment_id: str
    amount: int = 0


class Shop:
    """Sells one thing, and wants to be paid for it once."""

    def __init__(self, world: World, number: int) -> None:
        self.world = world
        self.rng = world.rng
        self.number = number
        self.merchant_id = UUID(int=world.rng.getrandbits(128), version=4)
        self.amount = f"{self.rng.randrange(2, 50)}.{self.rng.randrange(100):02d}"
        self.order_id = ""
        self.said: list[Said] = []

    async def live(self) -> None:
        """Create an order, and try to be paid."""
        order: order_pb2.Order = await self._sure("CreateOrder", self._order_request(), "orders", "orders")
        self.order_id = order.order_id
        self._tell(f"order {order.order_id} of {self.amount}")
        if self.rng.random() < 0.2:
            # another tab of the same customer
            self.world.spawn(self._try_to_be_paid())
        if self.rng.random() < 0.1:
            self.world.spawn(self._cancel_order())
        await self._try_to_be_paid()

    async def _try_to_be_paid(self) -> None:
        for _ in range(self.rng.choice((1, 2, 3, 4))):
            payment = await self._pay()
            if payment is None:
                continue
            payment = await self._follow(payment)
            if payment.status == Status.SUCCESS:
                await self._refund(payment)
                return
            if self.world.elapsed() > self.world.profile.seconds:
                return

    async def _cancel_order(self) -> None:
        await asyncio.sleep(self.rng.choice((0.05, 0.5, 5, 60)))
        try:
            await self._sure(
                "CancelOrder", order_service_pb2.CancelOrderRequest(order_id=self.order_id), "orders", "orders"
            )
        except ApiError as error:
            self._tell(f"order not cancelled: {error.reason}")

    def _order_request(self) -> order_service_pb2.CreateOrderRequest:
        request = order_service_pb2.CreateOrderRequest(
            merchant_order_id=f"order-{self.number}", amount=money_pb2.Money(value=self.amount, currency="EUR")
        )
        if self.rng.random() < 0.2:
            # an order that expires while it is being paid
            lives = timedelta(seconds=self.rng.uniform(60, 600))
            request.expire_time.FromDatetime(self.world.now() + lives)
        return request

    async def _pay(self) -> payment_pb2.Payment | None:
        """Start a payment; None when that is refused."""
        rng = self.rng
        tokens = ("", "", "pm_card", "pm_card", "pm_declined", "pm_action", "pm_slow")
        if "relents" in self.world.profile.chances:
            # what was declined first, and is taken after all
            tokens = ("", "pm_card", "pm_card", "pm_declined", "pm_declined", "pm_declined", "pm_slow")
        if "refunds" in self.world.profile.chances:
            # much is paid, so that much goes back
            tokens = ("", "", "pm_card", "pm_card", "pm_card", "pm_card", "pm_card")
        token = rng.choice(tokens)
        provider = rng.choice(("stripe", "stripe", "paypal", "")) if not token else rng.choice(("stripe", ""))
        manual = rng.random() < 0.25
        methods = payment_pb2.Payment.CaptureMethod
        request = payment_service_pb2.CreatePaymentRequest(
            order_id=self.order_id,
            provider=provider,
            payment_method=token,
            return_url="https://shop.test/back",
            capture_method=methods.MANUAL if manual else methods.AUTOMATIC,
        )
        try:
            payment: payment_pb2.Payment = await self._sure("CreatePayment", request, "payments", "payments")
        except ApiError as error:
            self._tell(f"may not pay: {error.reason} {error.metadata}")
            await asyncio.sleep(rng.choice((0.1, 1, 10, 60)))
            known = error.metadata.get("payment_id") if error.metadata else None
            if known and rng.random() < 0.5:
                return await self._get(known)
            return None
        self.world.on_page(payment.redirect_url)
        self._tell(f"pays: {payment.payment_id} {Status.Name(payment.status)} by {payment.provider} {token}")
        return payment

    async def _follow(self, payment: payment_pb2.Payment) -> payment_pb2.Payment:
        """Look at a payment until it has ended, or patience has; take held money, or let it go."""
        impatient = self.rng.random() < 0.3
        for wait in LOOKS:
            if payment.status == Status.AUTHORIZED:
                payment = await self._take_or_leave(payment)
            elif payment.status in (Status.INITIATED, Status.REQUIRES_ACTION) and self.rng.random() < 0.15:
                payment = await self._cancel(payment)
            if payment.status in (Status.SUCCESS, Status.FAILED, Status.CANCELLED):
                break
            if impatient and wait > 30 and payment.status in (Status.REQUIRES_ACTION, Status.INITIATED):
                return payment
            await asyncio.sleep(wait * self.rng.uniform(0.5, 1.5))
            payment = await self._get(payment.payment_id)
            self.world.on_page(payment.redirect_url)
        self._tell(f"sees {payment.payment_id} {Status.Name(payment.status)}")
        return payment

    async def _take_or_leave(self, payment: payment_pb2.Payment) -> payment_pb2.Payment:
        choice = self.rng.random()
        if choice < 0.6:
            request = payment_service_pb2.CapturePaymentRequest(payment_id=payment.payment_id)
            if choice < 0.2:
                request.amount.CopyFrom(money_pb2.Money(value="1.00", currency="EUR"))
            if choice > 0.5:
                # two at once, of different amounts: at most one may be true
                other = payment_service_pb2.CapturePaymentRequest(payment_id=payment.payment_id)
                other.amount.CopyFrom(money_pb2.Money(value="1.50", currency="EUR"))
                self.world.spawn(self._capture(payment, other))
            return await self._capture(payment, request)
        if choice < 0.85:
            return await self._cancel(payment)
        return payment

    async def _capture(self, payment: payment_pb2.Payment, request: Any) -> payment_pb2.Payment:
        try:
            done: payment_pb2.Payment = await self._once("CapturePayment", request, "payments", "payments")
        except ApiError as error:
            self._tell(f"capture of {payment.payment_id}: {error.reason}")
            return await self._get(payment.payment_id)
        wanted = request.amount.value if request.HasField("amount") else self.amount
        self.said.append(Said("captured", payment.payment_id, _minor(wanted)))
        self._tell(f"captured {wanted} of {payment.payment_id}: {Status.Name(done.status)}")
        return done

    async def _cancel(self, payment: payment_pb2.Payment) -> payment_pb2.Payment:
        request = payment_service_pb2.CancelPaymentRequest(payment_id=payment.payment_id)
        try:
            done: payment_pb2.Payment = await self._once("CancelPayment", request, "payments", "payments")
        except ApiError as error:
            self._tell(f"cancel of {payment.payment_id}: {error.reason}")
            return await self._get(payment.payment_id)
        if done.status == Status.CANCELLED:
            self.said.append(Said("cancelled", payment.payment_id))
        self._tell(f"cancelled {payment.payment_id}: {Status.Name(done.status)}")
        return done

    async def _refund(self, payment: payment_pb2.Payment) -> None:
        chances = self.world.profile.chances
        often = (1, 2, 2, 3) if "refunds" in chances else (0, 1, 1, 1, 2)
        for _ in range(self.rng.choice(often if chances.keys() & {"refunds", "comes_back_later"} else (0, 0, 0, 1, 2))):
            request = refund_service_pb2.CreateRefundRequest(payment_id=payment.payment_id, reason="returned")
            if self.rng.random() < 0.6:
                request.amount.CopyFrom(money_pb2.Money(value="0.75", currency="EUR"))
            if not await self._give_back(payment.payment_id, request):
                return

    async def _give_back(self, payment_id: str, request: Any) -> bool:
        """Refund something; return whether that was taken."""
        key = f"CreateRefund-{self.rng.getrandbits(64):x}"
        try:
            if self.world.may("comes_back_later"):
                # whoever has had no answer may ask again under the same key for a day
                with suppress(ApiError):
                    await self._once("CreateRefund", request, "refunds", "payments", key)
                await asyncio.sleep(self.rng.choice((6, 12, 23, 24.05)) * 3600)
            refund: refund_pb2.Refund = await self._patiently("CreateRefund", request, "refunds", "payments", key)
        except ApiError as error:
            self._tell(f"refund of {payment_id}: {error.reason}")
            return False
        self._tell(f"refund {refund.refund_id} {refund_pb2.Refund.Status.Name(refund.status)}")
        return True

    async def refund_at_once(self, payment_id: str) -> None:
        """Give back what is paid that had failed, as soon as that is seen."""
        for _ in range(200):
            await asyncio.sleep(self.rng.uniform(0.05, 0.5))
            payment = await self._get(payment_id)
            if payment.status == Status.SUCCESS:
                request = refund_service_pb2.CreateRefundRequest(payment_id=payment_id, reason="paid twice")
                if self.rng.random() < 0.5:
                    request.amount.CopyFrom(money_pb2.Money(value="0.75", currency="EUR"))
                await self._give_back(payment_id, request)
                return

    async def _get(self, payment_id: str) -> payment_pb2.Payment:
        request = payment_service_pb2.GetPaymentRequest(payment_id=payment_id)
        found: payment_pb2.Payment = await self._patiently("GetPayment", request, "payments", "payments")
        return found

    async def _sure(self, method: str, request: Any, servicer: str, service: str) -> Any:
        """Make a request under a key, again and again until there is an answer. Raises ApiError that is one."""
        key = f"{method}-{self.rng.getrandbits(64):x}"
        # a client that has no key, or loses it, has to live with what it cannot know
        return await self._patiently(method, request, servicer, service, key)

    async def _patiently(self, method: str, request: Any, servicer: str, service: str, key: str | None = None) -> Any:
        wait = 0.5
        while True:
            try:
                return await self._once(method, request, servicer, service, key)
            except ApiError as error:
                if error.code not in LATER:
                    raise
            await asyncio.sleep(wait * self.rng.uniform(0.5, 1.5))
            wait = min(wait * 2, 60)

    async def _once(self, method: str, request: Any, servicer: str, service: str, key: str | None = None) -> Any:
        call = merchant_call(self.world, self.merchant_id, method, key)
        return await self.world.call(
            service,
            lambda process: getattr(getattr(process, servicer), method)(request, None),
            caller=call,
            within=self.rng.choice((15.0, 15.0, 5.0)),
        )

    def _tell(self, text: str) -> None:
        self.world.tell(f"shop {self.number}: {text}")


class SecondThoughts:
    """Providers that take money after all, or take it back, without being asked."""

    def __init__(self, world: World, shops: list[Shop]) -> None:
        self._world = world
        self._shops = shops

    async def live(self) -> None:
        """Change something now and then."""
        world, rng = self._world, self._world.rng
        while not world.is_healed:
            await asyncio.sleep(rng.uniform(5, 120))
            service = rng.choice(list(world.services.values()))
            things = list({id(one): one for one in service.book.things.values()}.values())
            failed = [one for one in things if one.state == State.FAILED]
            if failed and world.may("relents"):
                self._relent(service.book, rng.choice(failed))
            captured = [one for one in things if one.state == State.CAPTURED]
            if captured and world.may("reverses"):
                service.book.reverse(rng.choice(captured))

    def _relent(self, book: Book, thing: Thing) -> None:
        book.relent(thing)
        (shop,) = (one for one in self._shops if one.order_id == thing.order_id)
        if thing.has_relented and self._world.rng.random() < 0.7:
            self._world.spawn(shop.refund_at_once(thing.payment_id))


def _minor(value: str) -> int:
    whole, _, cents = value.partition(".")
    return int(whole) * 100 + int(cents or 0)
