"""What the first page keeps, and what it gives up."""

from __future__ import annotations

import asyncio

import pytest

from console.api.glances import Glances
from console.api.overview import together
from tests.support.console import Browser
from tests.support.merchant.api import Merchant


def test_what_was_counted_is_kept_for_a_while_and_makes_room() -> None:
    now = 100.0
    glances = Glances(seconds=60, most=2, clock=lambda: now)
    glances.keep("a", {"count": 1})
    glances.keep("b", {"count": 2})
    glances.keep("a", {"count": 3})
    glances.keep("c", {"count": 4})
    assert [glances.get(key) for key in "abc"] == [{"count": 3}, None, {"count": 4}]
    now += 60
    assert glances.get("a") is None


async def test_calls_are_given_up_when_one_fails() -> None:
    ended = asyncio.Event()

    async def long() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async def failing() -> None:
        await asyncio.sleep(0)
        raise KeyError("one")

    with pytest.raises(KeyError):
        await together(long(), failing())
    assert ended.is_set()


def test_the_first_page_counts_payments_once_a_minute(owner: Browser, merchant: Merchant) -> None:
    merchant.charge(merchant.new_order("12.00")["order_id"])
    assert "€12.00 EUR" in owner.page("/?days=7")
    payment = merchant.charge(merchant.new_order("13.00")["order_id"])
    page = owner.page("/?days=7")
    assert payment["payment_id"] in page
    assert "€25.00 EUR" not in page
    assert "€25.00 EUR" in owner.page("/?days=30")
