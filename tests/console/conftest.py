"""The console of the shared stack."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import Any

import pytest

from stack.stack import Ready
from tests.support.console import Browser, Console
from tests.support.merchant.api import Merchant
from tests.support.waiting import PATIENCE


@pytest.fixture
def console(gateway: Ready) -> Iterator[Console]:
    """The console."""
    console = Console(gateway)
    yield console
    console.close()


@pytest.fixture
def owner(console: Console, merchant: Merchant) -> Browser:
    """An owner of the test's merchant."""
    return console.owner(merchant.merchant_id)


@pytest.fixture
def page() -> Iterator[Any]:
    """A page of Chromium."""
    playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright")
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if not chromium:
        pytest.skip("needs chromium")
    with playwright.sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        context = browser.new_context(viewport={"width": 1440, "height": 900})
        context.set_default_timeout(PATIENCE * 1000)
        yield context.new_page()
        browser.close()
