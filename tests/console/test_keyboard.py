"""A payment is found and refunded in a real browser by Tab, Enter and letters alone, and it shows where one is."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import Any

import pytest

from stack.stack import Ready
from tests.support.console import Console
from tests.support.merchant.api import Merchant
from tests.support.waiting import PATIENCE, eventually

playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright")
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
MOST_STEPS = 80
SHOWS = """selector => {
  const at = document.activeElement;
  if (!at.matches(selector)) return "";
  const style = getComputedStyle(at);
  return at.matches(":focus-visible") && style.outlineStyle !== "none" ? "seen" : "unseen";
}"""
"""Whether the focus is on what fits a selector, and whether a person sees that it is."""


@pytest.fixture
def page() -> Iterator[Any]:
    """A page of a browser that has no mouse."""
    if not CHROMIUM:
        pytest.skip("needs chromium")
    with playwright.sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        context = browser.new_context(viewport={"width": 1440, "height": 900})
        context.set_default_timeout(PATIENCE * 1000)
        yield context.new_page()
        browser.close()


def tab_to(page: Any, selector: str) -> None:
    """Press Tab until the focus is on what fits a selector, which has to show."""
    for _ in range(MOST_STEPS):
        page.keyboard.press("Tab")
        if shown := page.evaluate(SHOWS, selector):
            assert shown == "seen", f"nobody sees that the focus is on {selector}"
            return
    raise AssertionError(f"{selector} is not reached in {MOST_STEPS} steps")


def test_a_payment_is_refunded_by_keyboard_alone(
    page: Any, console: Console, merchant: Merchant, gateway: Ready
) -> None:
    email, password = console.new_owner(merchant.merchant_id)
    order = merchant.new_order("20.00", merchant_order_id="K-1")
    payment_id = merchant.charge(order["order_id"])["payment_id"]
    page.goto(f"{gateway.console['url']}/login")
    # the first field has the focus
    page.keyboard.type(email)
    page.keyboard.press("Tab")
    page.keyboard.type(password)
    page.keyboard.press("Enter")
    page.wait_for_url("**/console/")
    # past the navigation, for whom Tab is the only way
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.getAttribute('href')") == "#content"
    tab_to(page, "a[href='/console/payments']")
    page.keyboard.press("Enter")
    page.wait_for_url("**/console/payments")
    tab_to(page, f"a[href='/console/payments/{payment_id}']")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/{payment_id}")
    tab_to(page, "[data-open=refund]")
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
        tab_to(page, "#refund-amount")
    page.keyboard.press("Control+A")
    page.keyboard.type("5.00")
    tab_to(page, "#refund-reason")
    page.keyboard.type("half empty")
    tab_to(page, "#refund button.primary")
    page.keyboard.press("Enter")
    page.wait_for_selector("[role=status]")
    refund = eventually(lambda: merchant.get(f"/v1/payments/{payment_id}/refunds")["refunds"], "the refund")[0]
    assert (refund["amount"]["value"], refund["reason"]) == ("5.00", "half empty")
