"""Payment links in Chromium, as customers walk through them: pay, turn back, two tabs, and every way to end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from playwright.sync_api import BrowserContext, Page, expect

from tests.support.merchant.api import Merchant
from tests.support.waiting import eventually

Json = dict[str, Any]
Shoot = Callable[[Page, str], None]
PATIENCE_MS = 60_000
PAID = "Paid"


def new_link(merchant: Merchant, **fields: Any) -> Json:
    """Create a link."""
    body = {
        "amount": {"value": "129.00", "currency": "EUR"},
        "description": "Trail running shoes, size 43",
        "return_url": "https://shop.example/thanks?order={ORDER_ID}",
    }
    return merchant.post("/v1/payment_links", body | fields)


def walk(context: BrowserContext, merchant: Merchant, shoot: Shoot) -> Iterator[str]:
    """Go through links as customers do, with a picture of each page; yield what is wrong. Raises where a step fails."""
    expect.set_options(timeout=PATIENCE_MS)
    page = context.new_page()
    link = new_link(merchant, description="Trail running shoes, size 43\nBlue, with the second pair of laces")
    _turn_back(page, link, shoot)
    yield from _pay_in_two_tabs(context, page, link, shoot)
    _wait(page, merchant, shoot)
    _fail(page, merchant, shoot)
    _again(page, merchant, shoot)
    _ends(page, merchant, shoot)


def _turn_back(page: Page, link: Json, shoot: Shoot) -> None:
    page.goto(link["url"])
    shoot(page, "pay-open")
    # by keyboard alone
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_url("**/stripe/checkout/**", timeout=PATIENCE_MS)
    page.locator("text=/cancel|back/i").first.click()
    page.wait_for_url(f"{link['url']}/**", timeout=PATIENCE_MS)
    expect(page.get_by_text("Nothing was paid so far")).to_be_visible()
    shoot(page, "pay-turned-back")


def _pay_in_two_tabs(context: BrowserContext, page: Page, link: Json, shoot: Shoot) -> Iterator[str]:
    other = context.new_page()
    other.goto(link["url"])
    pages = []
    for tab in (page, other):
        tab.get_by_role("button", name="Card (Stripe)").click()
        tab.wait_for_url("**/stripe/checkout/**", timeout=PATIENCE_MS)
        pages.append(tab.url)
    if len(set(pages)) > 1:
        yield f"two tabs lead to two pages: {pages}"
    page.locator("form[action$='/pay'] button, button:has-text('Pay')").first.click()
    page.wait_for_url(f"{link['url']}/**", timeout=PATIENCE_MS)
    expect(page.get_by_role("heading", name=PAID)).to_be_visible()
    shoot(page, "pay-paid")
    # by the back button, by a reload and in the other tab it stays paid
    page.goto(link["url"])
    other.goto(link["url"])
    for tab in (page, other):
        expect(tab.get_by_role("heading", name=PAID)).to_be_visible()
        if tab.get_by_role("button", name="Card (Stripe)").count():
            yield "a paid link can be paid again"
    page.go_back()
    page.wait_for_load_state()
    if page.url.startswith(link["url"]) and page.get_by_role("button", name="Card (Stripe)").count():
        yield "a paid link can be paid again by the back button"
    other.close()


def _wait(page: Page, merchant: Merchant, shoot: Shoot) -> None:
    link = new_link(merchant, amount={"value": "1240.00", "currency": "USD"}, description="")
    page.goto(link["url"])
    page.get_by_role("button", name="Card (Stripe)").click()
    page.wait_for_url("**/stripe/checkout/**", timeout=PATIENCE_MS)
    (order,) = merchant.get("/v1/orders", payment_link_id=link["payment_link_id"])["orders"]
    page.goto(f"{link['url']}/{order['order_id']}")
    expect(page.get_by_role("heading", name="Waiting for the confirmation")).to_be_visible()
    shoot(page, "pay-waiting")
    merchant.post(f"/v1/payments/{order['payment_id']}/cancel", {})
    # the page looks by itself
    expect(page.get_by_text("did not go through")).to_be_visible()


def _fail(page: Page, merchant: Merchant, shoot: Shoot) -> None:
    link = new_link(merchant, max_uses=50, description="Evening course, one place")
    page.goto(link["url"])
    page.get_by_role("button", name="PayPal").click()
    eventually(lambda: merchant.get("/v1/orders", payment_link_id=link["payment_link_id"])["orders"], "the order")
    (order,) = merchant.get("/v1/orders", payment_link_id=link["payment_link_id"])["orders"]
    page.wait_for_url("**/paypal/**", timeout=PATIENCE_MS)
    merchant.post(f"/v1/payments/{order['payment_id']}/cancel", {})
    merchant.wait_for_order(order["order_id"], "FAILED")
    page.goto(link["url"])
    expect(page.get_by_text("did not go through")).to_be_visible()
    shoot(page, "pay-failed")


def _again(page: Page, merchant: Merchant, shoot: Shoot) -> None:
    """Pay a link that may be paid more than once, and begin anew."""
    link = new_link(merchant, max_uses=50, description="Evening course, one place", return_url="")
    page.goto(link["url"])
    page.get_by_role("button", name="Card (Stripe)").click()
    page.wait_for_url("**/stripe/checkout/**", timeout=PATIENCE_MS)
    page.locator("form[action$='/pay'] button, button:has-text('Pay')").first.click()
    page.wait_for_url(f"{link['url']}/**", timeout=PATIENCE_MS)
    expect(page.get_by_role("heading", name=PAID)).to_be_visible()
    shoot(page, "pay-paid-of-many")
    page.get_by_role("button", name="Pay once more").click()
    expect(page.get_by_role("button", name="Card (Stripe)")).to_be_visible()


def _ends(page: Page, merchant: Merchant, shoot: Shoot) -> None:
    soon = (datetime.now(UTC) + timedelta(seconds=1)).isoformat()
    expired, off = new_link(merchant, expire_time=soon), new_link(merchant)
    merchant.http.patch(f"/v1/payment_links/{off['payment_link_id']}", json={"enabled": False})
    far = (datetime.now(UTC) + timedelta(days=30)).isoformat()
    long = new_link(merchant, expire_time=far, description="A rather long description of what it is for. " * 8)
    eventually(
        lambda: merchant.get(f"/v1/payment_links/{expired['payment_link_id']}")["status"] == "EXPIRED", "its end"
    )
    for name, url in (("pay-expired", expired["url"]), ("pay-off", off["url"]), ("pay-long", long["url"])):
        page.goto(url)
        shoot(page, name)
    page.goto(expired["url"][:-28] + "a" * 28)
    shoot(page, "pay-missing")
