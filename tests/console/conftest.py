"""The console of the shared stack."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from stack.stack import Ready
from tests.support.console import Browser, Console
from tests.support.merchant.api import Merchant


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
