"""Uses of a payment link that are taken at the same moment, on a real database."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest

from mesh.errors import ApiError
from order_svc.domain import LinkStatus, Order
from order_svc.use_cases.payment_links import new_token
from tests.order_svc.links import AT_ONCE, NO_CHANGE, Shop
from tests.support.waiting import PATIENCE, come_true


async def test_no_more_uses_are_taken_than_there_are_whatever_comes_at_once(shop: Shop) -> None:
    link = await shop.link(max_uses=3)
    results = await asyncio.gather(*(shop.take(link) for _ in range(AT_ONCE)), return_exceptions=True)
    orders = [one for one in results if isinstance(one, Order)]
    assert len({order.order_id for order in orders}) == 3
    assert {one.reason for one in results if isinstance(one, ApiError)} == {"PAYMENT_LINK_NOT_PAYABLE"}
    assert (await shop.shown(link)).status == LinkStatus.USED_UP


async def test_each_checkout_has_one_order_and_no_limit_is_passed_whatever_comes_at_once(shop: Shop) -> None:
    """Several clicks of each browser, more browsers than uses, and a network that may begin two of them."""
    link, browsers = await shop.link(max_uses=5), [new_token() for _ in range(2 * AT_ONCE)]
    sources = {browser: "a" if number % 2 else "" for number, browser in enumerate(browsers)}

    async def click(browser: str) -> tuple[str, UUID | str]:
        try:
            return browser, (await shop.take(link, browser, sources[browser], "stripe")).order_id
        except ApiError as refused:
            return browser, refused.reason

    found = await asyncio.gather(*(click(browser) for browser in browsers * 3))
    made = {(browser, said) for browser, said in found if isinstance(said, UUID)}
    assert len(made) == len({browser for browser, _ in made}) == (await shop.shown(link)).uses.taken == 5
    assert len([browser for browser, _ in made if sources[browser]]) <= 2
    assert {said for _, said in found if isinstance(said, str)} <= {"PAYMENT_LINK_NOT_PAYABLE", "PAYMENT_LINK_CROWDED"}


async def test_one_network_begins_no_more_than_it_may_whatever_comes_at_once(shop: Shop) -> None:
    link = await shop.link(max_uses=6)
    takes = (shop.take(link, source="a", provider="stripe") for _ in range(2 * AT_ONCE))
    results = await asyncio.gather(*takes, return_exceptions=True)
    assert len([one for one in results if isinstance(one, Order)]) == 3
    assert {one.reason for one in results if isinstance(one, ApiError)} == {"PAYMENT_LINK_CROWDED"}


async def test_browsers_take_turns_at_an_order_that_is_everybodys_whatever_comes_at_once(shop: Shop) -> None:
    link = await shop.link()
    await shop.take(link, provider="stripe")
    shop.later.append(timedelta(minutes=6))
    with psycopg.connect(shop.url) as holder:
        holder.execute("SELECT FROM link_turns FOR UPDATE")
        takes = [asyncio.create_task(shop.take(link, provider=provider)) for provider in ("paypal", "bank_transfer")]
        await come_true(lambda: shop.waiting() == 2, "both to wait")
        holder.rollback()
        results = await asyncio.gather(*takes, return_exceptions=True)
    assert len([one for one in results if isinstance(one, Order)]) == 1
    assert [one.reason for one in results if isinstance(one, ApiError)] == ["PAYMENT_LINK_BUSY"]


@pytest.mark.parametrize("after", ["uses", "last_order"])
@pytest.mark.parametrize("max_uses", [1, 2])
async def test_checkout_that_takes_the_last_use_meanwhile_is_gone_on_with(
    max_uses: int, after: str, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Looked for before the uses are counted, an order may be missed that then fills the link."""
    link, browser = await shop.link(max_uses), new_token()
    for _ in range(max_uses - 1):
        await shop.take(link)
    links, made = shop.links._links, list[Order]()
    look = getattr(links, after)

    async def looked_at_before(*given: Any) -> Any:
        seen = await look(*given)
        if not made:
            monkeypatch.undo()
            made.append(await shop.take(link, browser))
        return seen

    monkeypatch.setattr(links, after, looked_at_before)
    assert (await shop.take(link, browser)).order_id == made[0].order_id


async def test_only_who_takes_a_use_waits_for_who_takes_another(shop: Shop) -> None:
    """Every customer of a link waited for every other one, who had begun to pay and who was turned away too."""
    link, browser = await shop.link(max_uses=3), new_token()
    full, off = await shop.link(max_uses=2), await shop.link(max_uses=2)
    order = await shop.take(link, browser, provider="stripe")
    for _ in range(2):
        await shop.take(full)
    await shop.links.update(shop.merchant_id, off.payment_link_id, replace(NO_CHANGE, enabled=False))
    with psycopg.connect(shop.url) as holder:
        holder.execute("SELECT FROM payment_links FOR UPDATE")
        async with asyncio.timeout(PATIENCE):
            assert (await shop.take(link, browser, provider="paypal")).order_id == order.order_id
            assert await shop.refusal(full) == "USED_UP"
            assert await shop.refusal(off) == "DISABLED"
            new = asyncio.create_task(shop.take(link))
            await come_true(lambda: shop.waiting() == 1, "the new one to wait")
            assert not new.done()
            holder.rollback()
            assert (await new).order_id != order.order_id


async def test_a_link_for_one_payment_has_one_checkout_for_everybody(shop: Shop) -> None:
    link = await shop.link()
    orders = await asyncio.gather(*(shop.take(link) for _ in range(AT_ONCE)))
    assert len({order.order_id for order in orders}) == 1


async def test_failed_orders_that_come_back_at_once_take_no_more_than_is_free(shop: Shop) -> None:
    link = await shop.link(max_uses=AT_ONCE)
    orders = [await shop.take(link) for _ in range(AT_ONCE)]
    for order in orders:
        await shop.fail(order, await shop.pay(order))
    change = replace(NO_CHANGE, max_uses=3)
    await shop.links.update(shop.merchant_id, link.payment_link_id, change)
    results = await asyncio.gather(
        *(shop.pay(order) for order in orders), *(shop.take(link) for _ in range(2)), return_exceptions=True
    )
    assert len([one for one in results if not isinstance(one, ApiError)]) == 3
    assert (await shop.shown(link)).uses.taken == 3
