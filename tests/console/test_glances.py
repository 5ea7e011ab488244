"""What the first page keeps, and what it gives up."""

from __future__ import annotations

import asyncio

import pytest

from console.api.glances import FAILED, FAILED_SECONDS, Glances
from console.api.overview import together
from console.api.web import templates
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


async def test_what_takes_long_is_counted_once_for_all_who_ask() -> None:
    """A merchant with many payments had waited for a thousand of them, each person anew."""
    glances, may_end, begun = Glances(), asyncio.Event(), 0

    async def count() -> dict[str, object]:
        nonlocal begun
        begun += 1
        await may_end.wait()
        return {"count": 1}

    tasks = [glances.counted("a", count) for _ in range(3)]
    await asyncio.wait(tasks, timeout=0)
    assert (begun, glances.get("a")) == (1, None)
    may_end.set()
    assert [await task for task in tasks] == [{"count": 1}] * 3
    assert glances.get("a") == {"count": 1}


async def test_that_it_could_not_be_counted_is_known_for_a_moment() -> None:
    """It was swallowed: the page said that it was counted, and had it counted anew again and again."""
    now = 100.0
    glances = Glances(clock=lambda: now)

    async def failing() -> dict[str, object]:
        raise KeyError("one")

    async def right() -> dict[str, object]:
        return {"count": 2}

    assert (await glances.counted("a", failing), glances.get("a")) == (FAILED, FAILED)
    now += FAILED_SECONDS
    assert glances.get("a") is None
    assert await glances.counted("a", right) == {"count": 2}
    assert glances.get("a") == {"count": 2}


def test_a_page_whose_figures_are_being_counted_says_so_and_looks_again() -> None:
    page = templates.get_template("overview.html").render(days=14, spans=("14",), is_counting=True, payments=[])
    assert "data-again" in page
    assert "Payments a day" not in page


def test_a_page_whose_figures_could_not_be_counted_says_so_and_looks_no_more() -> None:
    page = templates.get_template("overview.html").render(days=14, spans=("14",), payments=[], **FAILED)
    assert "could not be counted" in page
    assert "data-again" not in page
    assert "Payments a day" not in page


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
    assert "€12.00 EUR" in owner.overview(7)
    payment = merchant.charge(merchant.new_order("13.00")["order_id"])
    page = owner.overview(7)
    assert payment["payment_id"] in page
    assert "€25.00 EUR" not in page
    assert "€25.00 EUR" in owner.overview(30)
