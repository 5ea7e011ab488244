"""A merchant with payment links, for tests of what customers may do with them."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import psycopg
import pytest

from mesh.errors import ApiError
from mesh.events.unit_of_work import UnitsOfWork
from mesh.money import Money
from order_svc.domain import Capture, Order, PaymentLink
from order_svc.use_cases.orders import Orders
from order_svc.use_cases.payment_links import LinkChange, NewLink, PaymentLinks, ShownLink, Visitor, new_token

PRICE = Money(1200, "EUR")
AT_ONCE = 8
NO_CHANGE = LinkChange(None, None, None, None)


@dataclass
class Shop:
    """A merchant with links, and the use cases behind them."""

    links: PaymentLinks
    orders: Orders
    work: UnitsOfWork
    merchant_id: UUID
    url: str
    later: list[timedelta]
    """How much later than now it is, if it is."""

    async def link(self, max_uses: int = 1, expire_time: datetime | None = None) -> PaymentLink:
        """Make a link."""
        new = NewLink(
            *(self.merchant_id, self.merchant_id, "test", PRICE, "a chair", "R-1", {"shop": "a"}, ""),
            max_uses=max_uses,
            expire_time=expire_time,
        )
        made = await self.links.create(new, None)
        assert isinstance(made, ShownLink)
        return made.link

    async def take(self, link: PaymentLink, browser: str = "", source: str = "", provider: str = "") -> Order:
        """Take a use of a link."""
        visitor = Visitor(browser or new_token(), source, provider)
        taken = (await self.links.take(link.token, visitor)).order
        assert taken
        return taken

    async def pay(self, order: Order) -> UUID:
        """Have a payment take an order, and return it."""
        payment_id = uuid.uuid4()
        await self.orders.reserve(self.merchant_id, order.order_id, payment_id)
        return payment_id

    async def settle(self, order: Order, payment_id: UUID) -> str:
        """Have a capture come; return why the order does not take it."""
        return await self.orders.try_to_settle(self.merchant_id, order.order_id, Capture(payment_id, PRICE))

    async def fail(self, order: Order, payment_id: UUID) -> None:
        """Have a payment fail."""
        async with self.work.begin() as unit:
            await self.orders.fail(unit, order.order_id, payment_id)

    async def shown(self, link: PaymentLink) -> ShownLink:
        """Return a link as its merchant sees it."""
        return await self.links.get(self.merchant_id, link.payment_link_id)

    def waiting(self) -> int:
        """Return how many wait for a lock that somebody else has."""
        query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        with psycopg.connect(self.url) as connection:
            row = connection.execute(query).fetchone()
        return int(row[0]) if row else 0

    async def refusal(self, link: PaymentLink, browser: str = "") -> str:
        """Return why a use is not to be had."""
        with pytest.raises(ApiError) as refused:
            await self.take(link, browser)
        assert refused.value.reason == "PAYMENT_LINK_NOT_PAYABLE"
        return refused.value.metadata["status"]
