"""A payment is found and refunded in a real browser by Tab, Enter and letters alone, and it shows where one is."""

from __future__ import annotations

from typing import Any

from stack.stack import Ready
from tests.support.console import Console
from tests.support.keyboard import SHOWS, Hands
from tests.support.merchant.api import Merchant
from tests.support.waiting import eventually


def test_a_payment_is_refunded_by_keyboard_alone(
    page: Any, console: Console, merchant: Merchant, gateway: Ready
) -> None:
    email, password = console.new_owner(merchant.merchant_id)
    order = merchant.new_order("20.00", merchant_order_id="K-1")
    payment_id = merchant.charge(order["order_id"])["payment_id"]
    page.goto(f"{gateway.console['url']}/login")
    hands = Hands(page)
    # the first field has the focus
    page.keyboard.type(email)
    page.keyboard.press("Tab")
    page.keyboard.type(password)
    page.keyboard.press("Enter")
    page.wait_for_url("**/console/")
    # past the navigation, for whom Tab is the only way
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.getAttribute('href')") == "#content"
    hands.to("a[href='/console/payments']")
    page.keyboard.press("Enter")
    page.wait_for_url("**/console/payments")
    hands.to(f"a[href='/console/payments/{payment_id}']")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/{payment_id}")
    hands.to("[data-open=refund]")
    page.keyboard.press("Enter")
    page.wait_for_selector("#refund[open]")
    # a dialog leaves by Escape, and the focus is where it was
    page.keyboard.press("Escape")
    page.wait_for_selector("#refund", state="hidden")
    assert page.evaluate(SHOWS, "[data-open=refund]")
    page.keyboard.press("Enter")
    page.wait_for_selector("#refund[open]")
    assert page.evaluate("document.getElementById('refund').contains(document.activeElement)")
    if page.evaluate("document.activeElement.id") != "refund-amount":
        hands.to("#refund-amount")
    page.keyboard.press("Control+A")
    page.keyboard.type("5.00")
    hands.to("#refund-reason")
    page.keyboard.type("half empty")
    hands.to("#refund button.primary")
    page.keyboard.press("Enter")
    page.wait_for_selector("[role=status]")
    refund = eventually(lambda: merchant.get(f"/v1/payments/{payment_id}/refunds")["refunds"], "the refund")[0]
    assert (refund["amount"]["value"], refund["reason"]) == ("5.00", "half empty")


def test_a_stream_that_ends_is_opened_again_and_is_no_error(
    page: Any, console: Console, merchant: Merchant, gateway: Ready
) -> None:
    email, password = console.new_owner(merchant.merchant_id)
    complaints: list[str] = []
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    page.goto(f"{gateway.console['url']}/login")
    page.fill("#email", email)
    page.fill("#password", password)
    page.click("button.primary")
    page.wait_for_url("**/console/")
    # it ends as soon as it is open, and the browser comes again
    short = {"content_type": "text/event-stream", "body": "retry: 50\n: open\n\n"}
    page.route("**/live/stream", lambda route: route.fulfill(**short), times=3)
    page.goto(f"{gateway.console['url']}/live")
    eventually(lambda: merchant.new_order() and page.locator("tbody tr").count(), "a row of the fourth stream")
    assert complaints == []
