"""A scene: one order and its payments, staged in virtual time to meet what has to be met at one moment."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from fusionx.payment.v1 import payment_pb2, payment_service_pb2, refund_pb2, refund_service_pb2
from fusionx.type.v1 import money_pb2
from psycopg.errors import LockNotAvailable

from mesh.money import Money
from payment_svc.domain.payment import Fact, PaymentStatus, Snapshot
from payment_svc.domain.review import Resolution
from tests.simulation.adapter import Trip
from tests.simulation.book import State, Thing
from tests.simulation.oracle import versions_without_an_event
from tests.simulation.schedule import Runner
from tests.simulation.shops import Shop
from tests.simulation.world import World

DAY = 24 * 3600.0


@dataclass
class Scene:
    """A shop with an order of 12.00, and the providers that it is paid at."""

    world: World
    shop: Shop

    async def pay(
        self,
        provider: str = "stripe",
        token: str = "pm_card",
        *,
        approves: bool = True,
        manual: bool = False,
        once: bool = False,
    ) -> payment_pb2.Payment:
        """Start a payment; at PayPal the customer approves it on the page. `once`: whatever it is answered."""
        request = payment_service_pb2.CreatePaymentRequest(
            order_id=self.shop.order_id,
            provider=provider,
            payment_method=token if provider == "stripe" else "",
            return_url="https://shop.test/back",
            capture_method=payment_pb2.Payment.MANUAL if manual else payment_pb2.Payment.AUTOMATIC,
        )
        ask = self.shop._once if once else self.shop._sure
        payment: payment_pb2.Payment = await ask("CreatePayment", request, "payments", "payments")
        if payment.provider == "paypal" and approves:
            self.world.services["paypal"].book.approve(self.thing(payment))
            await asyncio.sleep(5)
        return await self.shop._get(payment.payment_id)

    async def refund(
        self, payment: payment_pb2.Payment, value: str = "", key: str | None = None, reason: str = ""
    ) -> refund_pb2.Refund:
        """Give something back. Raises ApiError."""
        request = refund_service_pb2.CreateRefundRequest(payment_id=payment.payment_id, reason=reason)
        if value:
            request.amount.CopyFrom(money_pb2.Money(value=value, currency="EUR"))
        made: refund_pb2.Refund = await self.shop._once("CreateRefund", request, "refunds", "payments", key)
        return made

    async def paid_twice(self) -> tuple[payment_pb2.Payment, Thing]:
        """Return a payment that failed and was captured after the order was paid by another one."""
        late = await self.pay(token="pm_declined")
        await asyncio.sleep(2)
        await self.pay()
        await asyncio.sleep(2)
        thing = self.thing(late)
        self.world.services["stripe"].book.relent(thing)
        for _ in range(200):
            await asyncio.sleep(0.05)
            if (await self.shop._get(late.payment_id)).status == payment_pb2.Payment.SUCCESS:
                return late, thing
        raise AssertionError("the late capture was not noticed")

    async def restore(self, database: str) -> None:
        """Put a database back to what was saved of it."""
        while True:
            await asyncio.sleep(0.5)
            with suppress(LockNotAvailable):
                self.world.stores[database].put_back()
                break
        for process in self.world.processes:
            for forget in process.database._forgetful:
                forget()

    def order(self) -> tuple[str, str]:
        """Return how the order stands, and by which payment."""
        (row,) = self.world.stores["orders"].rows("SELECT status, payment_id FROM orders")
        return row.status, str(row.payment_id or "")

    def made(self) -> list[Thing]:
        """Return what the direct provider has made, oldest first."""
        return list({id(one): one for one in self.world.services["stripe"].book.things.values()}.values())

    async def take_after_all(self, payment: payment_pb2.Payment) -> None:
        """Have it learned, at once and by whoever works on the order, that a payment which failed took the money."""
        taken = Fact(1, Snapshot(self.thing(payment).reference, PaymentStatus.SUCCESS, Money(1200, "EUR")))
        await self.world.call("payments", lambda p: p.parts.payments._ledger.learn(UUID(payment.payment_id), taken))

    def thing(self, payment: payment_pb2.Payment) -> Thing:
        """Return what the provider that a payment is at knows of it."""
        here = {id(one) for one in self.world.services[payment.provider].book.things.values()}
        found = self.things(payment)
        return next((one for one in found if id(one) in here), found[0])

    def things(self, payment: payment_pb2.Payment) -> list[Thing]:
        """Return all that is known of a payment, at whatever account."""
        books = (service.book for service in self.world.services.values())
        found = {id(one): one for book in books for one in book.things.values()}
        return [one for one in found.values() if one.payment_id == payment.payment_id]

    async def received(self, amount: Money, state: State = State.CAPTURED) -> tuple[payment_pb2.Payment, Thing]:
        """Return a payment that other money came for than it asks, once a person is asked about it."""
        payment = await self.pay(token="pm_slow")
        await asyncio.sleep(2)
        thing = self.thing(payment)
        self.becomes(thing, amount, state)
        await asyncio.sleep(60)
        assert self.reviews() == ["AMOUNT_DIFFERS"]
        return payment, thing

    def becomes(self, thing: Thing, amount: Money, state: State = State.CAPTURED) -> None:
        """Have a provider hold or capture an amount, and tell of it."""
        self.turns(thing, amount, state)
        self.world._notify("stripe", thing, "settled", "")

    def turns(self, thing: Thing, amount: Money, state: State) -> None:
        """Have a provider hold or capture an amount, and say nothing."""
        thing.state, thing.amount = state, amount
        thing.captured = amount.minor if state == State.CAPTURED else 0

    def refunds(self) -> list[tuple[str, int]]:
        """Return the gateway's refunds, as they stand."""
        rows = self.world.stores["payments"].rows("SELECT * FROM refunds ORDER BY create_time")
        return [(row.status, row.amount_minor) for row in rows]

    def reviews(self) -> list[str]:
        """Return what a person is asked."""
        rows = self.world.stores["payments"].rows("SELECT * FROM reviews WHERE resolve_time IS NULL")
        return [row.kind for row in rows]

    async def answer(self, answer: Resolution) -> None:
        """Answer the one question that is open."""
        (row,) = self.world.stores["payments"].rows("SELECT * FROM reviews WHERE resolve_time IS NULL")
        await self.world.call(
            "payments", lambda p: p.parts.reviews.resolve(row.review_id, answer, "ada", "the dashboard says so")
        )

    def slow_refunds(self) -> None:
        """Have refunds take their time."""
        self.world.is_healed = False
        self.world.profile = type(self.world.profile)("staged", chances={"slow_refund": 1.0})

    def trip(self, operation: str, trip: Callable[[], Trip], count: int = 1, only: str = "") -> None:
        """Have something happen to the next requests of a kind."""
        for service in (one for name, one in self.world.services.items() if only in ("", name)):
            usual, left = service.trip, [count]

            def changed(name: str, asked: str, usual: Any = usual, left: list[int] = left) -> Trip:
                if asked == operation and left[0]:
                    left[0] -= 1
                    return trip()
                return usual(name, asked)  # type: ignore[no-any-return]

            service.trip = changed


def stage(runner: Runner, play: Callable[[Scene], Any]) -> None:
    """Run a scene."""

    async def staged(world: World) -> None:
        for _ in range(2):
            world.add_process("orders")
            world.add_process("payments")
        shop = Shop(world, 1)
        shop.amount = "12.00"
        request = shop._order_request()
        request.ClearField("expire_time")
        shop.order_id = (await shop._sure("CreateOrder", request, "orders", "orders")).order_id
        await play(Scene(world, shop))
        assert list(versions_without_an_event(world.stores)) == []

    runner.alone(staged)
