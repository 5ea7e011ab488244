"""Links and their uses, on a real database: whatever comes at once, no more are taken than there are."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import psycopg
import pytest

from mesh.errors import ApiError
from order_svc import domain
from order_svc.domain import Capture, LinkStatus, OrderStatus, Refunded
from order_svc.storage import payment_links
from order_svc.use_cases.payment_links import new_token
from tests.order_svc.links import AT_ONCE, NO_CHANGE, PRICE, Shop
from tests.support.databases.plans import rows_read


async def test_order_of_a_link_is_the_links(shop: Shop) -> None:
    link = await shop.link(max_uses=3)
    order = await shop.take(link)
    assert (order.amount, order.description, order.merchant_order_id, order.metadata) == (
        *(PRICE, "a chair", "R-1"),
        {"shop": "a"},
    )
    assert (order.payment_link_id, order.status) == (link.payment_link_id, OrderStatus.NEW)
    assert order.expire_time - order.create_time == timedelta(hours=1)
    shown = await shop.shown(link)
    assert (shown.uses.taken, shown.uses.paid, shown.status) == (1, 0, LinkStatus.ACTIVE)


async def test_a_checkout_stays_with_its_order_however_often_it_asks(shop: Shop) -> None:
    link, browser = await shop.link(max_uses=5), new_token()
    orders = await asyncio.gather(*(shop.take(link, browser) for _ in range(AT_ONCE)))
    assert len({order.order_id for order in orders}) == 1
    payment_id = await shop.pay(orders[0])
    await shop.orders.try_to_settle(shop.merchant_id, orders[0].order_id, Capture(payment_id, PRICE))
    paid = await shop.take(link, browser)
    assert (paid.order_id, paid.status) == (orders[0].order_id, OrderStatus.SUCCESS)
    assert (await shop.take(link)).order_id != paid.order_id
    assert (await shop.shown(link)).uses.paid == 1


@pytest.mark.parametrize(("before", "after"), [(1, 2), (3, 1)])
async def test_who_has_begun_to_pay_is_known_whatever_becomes_of_the_link(before: int, after: int, shop: Shop) -> None:
    """A link for one payment that became one for many forgot who had begun, and they paid twice."""
    link, browser = await shop.link(before), new_token()
    order = await shop.take(link, browser)
    await shop.pay(order)
    with pytest.raises(ApiError) as refused:
        await shop.links.update(shop.merchant_id, link.payment_link_id, replace(NO_CHANGE, max_uses=after))
    assert [one.field for one in refused.value.violations] == ["max_uses"]
    assert (await shop.take(link, browser)).order_id == order.order_id
    assert (await shop.shown(link)).link == link


async def test_what_fails_gives_its_use_back_and_may_try_again_while_one_is_free(shop: Shop) -> None:
    link, (first, second) = await shop.link(max_uses=2), (new_token(), new_token())
    order = await shop.take(link, first)
    await shop.fail(order, await shop.pay(order))
    other = await shop.take(link, second)
    assert (await shop.shown(link)).uses.taken == 1
    assert (await shop.take(link, first)).order_id == order.order_id
    await shop.pay(order)
    assert await shop.refusal(link) == "USED_UP"
    assert (await shop.take(link, second)).order_id == other.order_id


async def test_what_failed_does_not_come_back_once_others_have_taken_its_use(shop: Shop) -> None:
    """Not by another try, and not by a late capture: that is a surplus, and goes back."""
    link, browser = await shop.link(max_uses=2), new_token()
    order = await shop.take(link, browser)
    failed_id = await shop.pay(order)
    await shop.fail(order, failed_id)
    for _ in range(2):
        await shop.take(link)
    assert await shop.refusal(link, browser) == "USED_UP"
    with pytest.raises(ApiError, match="every use"):
        await shop.pay(order)
    assert "every use" in await shop.orders.try_to_settle(shop.merchant_id, order.order_id, Capture(failed_id, PRICE))
    # of which it hears as of any refund
    failed = replace(order, status=OrderStatus.FAILED, payment_id=failed_id)
    given_back = Refunded(failed_id, 9, PRICE, PRICE.minor, is_surplus=True)
    assert domain.refund(failed, given_back, order.create_time) is None
    assert (await shop.shown(link)).uses.taken == 2


async def test_uses_are_counted_among_what_holds_one_however_many_have_failed(shop: Shop) -> None:
    """Orders that nobody paid were read too, at each look at the page: there is no bound to how many there are."""
    link = await shop.link(max_uses=AT_ONCE)
    orders = [await shop.take(link) for _ in range(AT_ONCE)]
    for order in orders[1:]:
        await shop.fail(order, await shop.pay(order))
    with psycopg.connect(shop.url) as connection:
        # so small a table is read whole otherwise
        connection.execute("SET enable_seqscan = off")
        read = rows_read(connection, payment_links._USES, {"links": [link.payment_link_id], "since": UUID(int=0)})
    assert read == 1
    assert (await shop.shown(link)).uses.taken == 1


async def test_use_that_nobody_pays_is_free_again_after_a_quarter_of_an_hour(shop: Shop) -> None:
    """Held for a day by a provider's open page, all uses of a link were taken by who paid nothing."""
    link, browser = await shop.link(max_uses=2), new_token()
    begun = await shop.take(link, browser)
    payment_id = await shop.pay(begun)
    other = await shop.take(link)
    assert await shop.refusal(link) == "USED_UP"
    shop.later.append(timedelta(minutes=14))
    assert await shop.refusal(link) == "USED_UP"
    shop.later.append(timedelta(minutes=3))
    assert (await shop.shown(link)).uses.taken == 0
    # who comes back while one is free goes on where they were
    assert (await shop.take(link, browser)).order_id == begun.order_id
    assert not (await shop.links.find(link.token, browser, None)).is_displaced
    third = await shop.take(link)
    # late, and one is free: it counts
    assert await shop.settle(begun, payment_id) == ""
    found = await shop.links.find(link.token, browser, other.order_id)
    assert found.is_displaced
    assert await shop.settle(third, await shop.pay(third)) == ""
    assert (await shop.shown(link)).uses.paid == 2


@pytest.mark.parametrize("max_uses", [1, 2])
async def test_order_does_not_stand_in_its_own_way(max_uses: int, shop: Shop) -> None:
    """After a quarter of an hour it holds no use, but counts a minute more: it closed an invoice to its payer."""
    link, browser = await shop.link(max_uses), new_token()
    order = await shop.take(link, browser)
    for _ in range(max_uses - 1):
        other = await shop.take(link)
        assert await shop.settle(other, await shop.pay(other)) == ""
    shop.later.append(timedelta(minutes=15, seconds=30))
    assert not (await shop.links.find(link.token, browser, None)).is_displaced
    assert (await shop.take(link, browser)).order_id == order.order_id
    assert await shop.settle(order, await shop.pay(order)) == ""


async def test_who_began_in_time_and_pays_late_has_paid_though_others_have_every_use(shop: Shop) -> None:
    """An ordinary capture asks nobody whether it is welcome: refused, its money stayed with an unpaid order."""
    link = await shop.link(max_uses=2)
    orders = [await shop.take(link) for _ in range(2)]
    payments = [await shop.pay(order) for order in orders]
    shop.later.append(timedelta(minutes=17))
    for _ in range(2):
        other = await shop.take(link)
        assert await shop.settle(other, await shop.pay(other)) == ""
    async with shop.work.begin() as unit:
        await shop.orders.settle(unit, orders[0].order_id, Capture(payments[0], PRICE))
    assert (await shop.orders.get(shop.merchant_id, orders[0].order_id)).status == OrderStatus.SUCCESS
    assert await shop.settle(orders[1], payments[1]) == ""
    shown = await shop.shown(link)
    assert (shown.status, shown.uses.paid) == (LinkStatus.USED_UP, 4)


async def test_who_pays_in_time_keeps_the_use_whatever_comes(shop: Shop) -> None:
    link = await shop.link(max_uses=2)
    orders = [await shop.take(link) for _ in range(2)]
    payments = [await shop.pay(order) for order in orders]
    shop.later.append(timedelta(minutes=14))
    assert [await shop.settle(*one) for one in zip(orders, payments, strict=True)] == ["", ""]


@pytest.mark.parametrize(("max_uses", "most"), [(2, 1), (7, 3), (100, 10)])
async def test_one_network_takes_no_more_than_half_of_the_uses_and_ten_without_paying(
    max_uses: int, most: int, shop: Shop
) -> None:
    link = await shop.link(max_uses)
    at = {"source": "a", "provider": "stripe"}
    orders = [await shop.take(link, **at) for _ in range(most)]
    for order in orders[1:]:
        await shop.fail(order, await shop.pay(order))
    with pytest.raises(ApiError) as refused:
        await shop.take(link, **at)
    assert refused.value.reason == "PAYMENT_LINK_CROWDED"
    await shop.take(link, source="b")
    # what is paid is none of them
    assert await shop.settle(orders[0], await shop.pay(orders[0])) == ""
    if most > 1:
        await shop.take(link, **at)
    shop.later.append(timedelta(minutes=17))
    await shop.take(link, **at)


async def test_nobody_else_changes_the_provider_just_after_it_was_chosen(shop: Shop) -> None:
    """Whoever has the address of an invoice could close the page that its customer was at, again and again."""
    link, (customer, other) = await shop.link(), (new_token(), new_token())
    order = await shop.take(link, customer, provider="stripe")
    with pytest.raises(ApiError) as refused:
        await shop.take(link, other, provider="paypal")
    assert refused.value.reason == "PAYMENT_LINK_BUSY"
    # going on at the same page is no turn, so it gives no right to another one
    assert (await shop.take(link, other, provider="stripe")).order_id == order.order_id
    payment_id = await shop.pay(order)
    with pytest.raises(ApiError):
        await shop.take(link, other, provider="paypal")
    assert (await shop.take(link, customer, provider="paypal")).order_id == order.order_id
    shop.later.append(timedelta(minutes=4))
    with pytest.raises(ApiError):
        await shop.take(link, other, provider="stripe")
    shop.later.append(timedelta(minutes=2))
    await shop.take(link, other, provider="stripe")
    # what failed closes no page
    await shop.fail(order, payment_id)
    await shop.take(link, customer, provider="paypal")


async def test_who_opens_the_chosen_page_again_keeps_it_open(shop: Shop) -> None:
    link, (customer, other) = await shop.link(), (new_token(), new_token())
    await shop.take(link, customer, provider="stripe")
    shop.later.append(timedelta(minutes=4))
    await shop.take(link, customer, provider="stripe")
    shop.later.append(timedelta(minutes=2))
    with pytest.raises(ApiError) as refused:
        await shop.take(link, other, provider="paypal")
    assert refused.value.reason == "PAYMENT_LINK_BUSY"
    shop.later.append(timedelta(minutes=4))
    await shop.take(link, other, provider="paypal")


async def test_link_that_is_switched_off_or_over_takes_nobody_but_lets_who_has_begun_go_on(shop: Shop) -> None:
    link, browser = await shop.link(max_uses=2), new_token()
    order = await shop.take(link, browser)
    off = await shop.links.update(shop.merchant_id, link.payment_link_id, replace(NO_CHANGE, enabled=False))
    assert off.status == LinkStatus.DISABLED
    assert await shop.refusal(link) == "DISABLED"
    assert (await shop.take(link, browser)).order_id == order.order_id
    past = datetime.now(UTC) - timedelta(seconds=1)
    change = replace(NO_CHANGE, enabled=True, expire_time=past)
    assert (await shop.links.update(shop.merchant_id, link.payment_link_id, change)).status == LinkStatus.EXPIRED
    assert await shop.refusal(link) == "EXPIRED"


async def test_order_of_a_link_that_ends_soon_ends_with_it(shop: Shop) -> None:
    end = datetime.now(UTC) + timedelta(minutes=5)
    assert (await shop.take(await shop.link(expire_time=end))).expire_time == end


async def test_nothing_of_another_link_is_found(shop: Shop) -> None:
    link, other = await shop.link(), await shop.link()
    order = await shop.take(link)
    assert (await shop.links.find(link.token, "", order.order_id)).order == order
    for token, order_id in ((other.token, order.order_id), (new_token(), None)):
        with pytest.raises(ApiError) as refused:
            await shop.links.find(token, "", order_id)
        assert refused.value.reason == "PAYMENT_LINK_NOT_FOUND"
        assert token not in str(refused.value)
