"""One order from its creation to its end, as a merchant and its customer live it."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from random import Random
from typing import Any

import httpx

from cli.prove.api import MerchantApi, RefusedError
from cli.prove.chances import faults_of_an_order, way_of_an_order
from cli.prove.customers import Crowd, Way
from cli.prove.log import Json, Log, Sale, Told, minor, money
from cli.prove.provider import ProviderDesk

RETURN_URL = "https://shop.example/thanks"
ENDED = ("SUCCESS", "FAILED", "CANCELLED")
CUSTOMERS_TURN = ("INITIATED", "REQUIRES_ACTION")
PATIENCE_SECONDS = 20.0
"""How long a merchant looks at one payment before it goes on to other things."""
LOOKS = (0.2, 0.5, 1.0, 2.0)


@dataclass
class Shop:
    """A merchant who wants an order to be paid once, and pays again as soon as that is allowed."""

    sale: Sale
    api: MerchantApi
    desk: ProviderDesk
    crowd: Crowd
    chance: Random
    log: Log

    async def live(self) -> None:
        """Create the order, have it paid, perhaps give something back."""
        sale, chance = self.sale, self.chance
        body = {"merchant_order_id": sale.name, "amount": money(sale.amount)}
        order = await self.api.post("/v1/orders", body)
        sale.order_id = order["order_id"]
        faults = faults_of_an_order(chance, self.crowd)
        armed = [await self._arm(fault) for fault in faults]
        tabs = 2 if chance.random() < 0.2 else 1
        await asyncio.gather(*(self._try_to_be_paid(faults) for _ in range(tabs)))
        for fault_id in armed:
            await self._put_away(fault_id)

    async def close(self, payment: Json) -> None:
        """Leave nothing open that is the customer's or the merchant's turn."""
        self.sale.saw(payment)
        if payment["status"] in (*CUSTOMERS_TURN, "AUTHORIZED"):
            await self._cancel(payment)
        elif payment["redirect_url"]:
            # a page whose address came late
            await self._visit(payment["redirect_url"], payment["provider"], Way())

    async def _arm(self, fault: Json) -> str:
        self.sale.say(f"armed: {' '.join(f'{name}={value}' for name, value in fault.items())}")
        return await self.desk.arm(self.sale.order_id, fault)

    async def _put_away(self, fault_id: str) -> None:
        found = next((one for one in await self.desk.faults() if one["id"] == fault_id), None)
        if found and found["hits"]:
            self.log.faults[found["kind"]] += found["hits"]
            self.sale.say(f"struck {found['hits']} times: {found['kind']} at {found['operation']}")
        await self.desk.disarm(fault_id)

    async def _try_to_be_paid(self, faults: list[Json]) -> None:
        for number in range(self.chance.choice((1, 2, 3, 4))):
            provider, way = way_of_an_order(self.chance, self.crowd, faults, number)
            payment = await self._pay(provider, way)
            if payment is None:
                continue
            payment = await self._follow(payment, provider, way)
            if payment["status"] == "SUCCESS":
                await self._refund(payment)
                return

    async def _pay(self, provider: str, way: Way) -> Json | None:
        """Start a payment, or learn of the one that is under way; None when the order takes none."""
        body: dict[str, Any] = {
            "order_id": self.sale.order_id,
            "provider": provider,
            "return_url": RETURN_URL,
            "capture_method": "MANUAL" if way.manual else "AUTOMATIC",
        } | ({"payment_method": way.card} if way.card else {})
        self.sale.say(f"pays by {provider} {way.card or 'on a page'}{' later' if way.manual else ''}")
        try:
            payment = await self.api.post("/v1/payments", body, forgets=self.chance.random() < 0.2)
        except RefusedError as refused:
            self.sale.say(f"may not pay: {refused.reason}")
            if (known := refused.metadata.get("payment_id", "")) and refused.reason == "PAYMENT_IN_PROGRESS":
                return await self._look(known)
            return None
        self._note(payment)
        return payment

    async def _follow(self, payment: Json, provider: str, way: Way) -> Json:
        """Look at a payment until it has ended or patience has; act when it is anybody's turn."""
        leaves = self.chance.random() < 0.15
        visited: set[str] = set()
        deadline = time.monotonic() + PATIENCE_SECONDS * self.chance.uniform(0.3, 1)
        for look in range(1000):
            url = payment["redirect_url"]
            if payment["status"] in ENDED or time.monotonic() > deadline:
                break
            if payment["status"] == "AUTHORIZED":
                payment = await self._take_or_leave(payment)
            elif url and url not in visited and not leaves:
                visited.add(url)
                await self._visit(url, provider, way)
            elif leaves and payment["status"] in CUSTOMERS_TURN and look > 1:
                # turned back: the merchant closes the page, or simply starts another payment
                return await self._cancel(payment) if self.chance.random() < 0.5 else payment
            await asyncio.sleep(LOOKS[min(look, len(LOOKS) - 1)])
            payment = await self._look(payment["payment_id"])
        return payment

    async def _visit(self, url: str, provider: str, way: Way) -> None:
        """Do on the page what the customer does there; it may be another provider's page."""
        await asyncio.sleep(self.chance.uniform(0, 1))
        for button, form in self.crowd.act(url, provider, way):
            status = await self.desk.act(url, button, form)
            self.sale.say(f"customer: {button} {' '.join(map(str, form.values()))}: {status}")

    async def _take_or_leave(self, payment: Json) -> Json:
        """Capture all or a part of what is held, twice at once now and then, or let it go."""
        choice, payment_id = self.chance.random(), payment["payment_id"]
        if choice < 0.25:
            return await self._cancel(payment)
        wanted = [self.sale.amount // 2 if choice < 0.5 else self.sale.amount]
        if choice > 0.85:
            wanted.append(self.sale.amount // 3)
        await asyncio.gather(*(self._capture(payment_id, amount) for amount in wanted))
        return await self._look(payment_id)

    async def _capture(self, payment_id: str, amount: int) -> None:
        self.sale.say(f"captures {amount} of {payment_id}")
        try:
            done = await self.api.post(f"/v1/payments/{payment_id}/capture", {"amount": money(amount)})
        except RefusedError as refused:
            self.sale.say(f"not captured: {refused.reason}")
            return
        if done["status"] == "SUCCESS":
            self.sale.hear(Told("captured", payment_id, amount))

    async def _cancel(self, payment: Json) -> Json:
        payment_id = payment["payment_id"]
        self.sale.say(f"cancels {payment_id}")
        try:
            done = await self.api.post(f"/v1/payments/{payment_id}/cancel", {})
        except RefusedError as refused:
            self.sale.say(f"not cancelled: {refused.reason}")
            return await self._look(payment_id)
        if done["status"] == "CANCELLED":
            self.sale.hear(Told("cancelled", payment_id))
        return done

    async def _refund(self, payment: Json) -> None:
        captured, payment_id = minor(payment.get("captured_amount")), payment["payment_id"]
        for amount in self.chance.choice(((), (), (captured,), (captured // 3,), (captured // 2, captured // 4))):
            self.sale.say(f"refunds {amount} of {payment_id}")
            try:
                refund = await self.api.post(f"/v1/payments/{payment_id}/refunds", {"amount": money(amount)})
            except RefusedError as refused:
                self.sale.say(f"not refunded: {refused.reason}")
                return
            self.sale.refunds[refund["refund_id"]] = amount
            self.sale.say(f"refund {refund['refund_id']} {refund['status']}")

    async def _look(self, payment_id: str) -> Json:
        payment = await self.api.get(f"/v1/payments/{payment_id}")
        self._note(payment)
        return payment

    def _note(self, payment: Json) -> None:
        self.sale.saw(payment)
        last = f"sees {payment['payment_id']} {payment['status']} by {payment['provider']}"
        if not any(text == last for _, text in self.sale.story[-4:]):
            self.sale.say(last)
        told = Told("paid", payment["payment_id"], minor(payment.get("captured_amount")))
        if payment["status"] == "SUCCESS" and told not in self.sale.told:
            self.sale.hear(told)


async def live_safely(shop: Shop) -> None:
    """Live an order; a provider's page or a control call that breaks off ends it, and is said."""
    try:
        await shop.live()
    except httpx.HTTPError as error:
        shop.sale.say(f"gave up: {error!r}")
    except RefusedError as refused:
        shop.log.errors.append(f"order {shop.sale.name}: {refused}")
