"""The suite runs once for every provider that is registered."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from payment_svc.providers.registry import capabilities_of, discover
from stack.stack import Ready
from tests.providers.drivers import DRIVERS
from tests.providers.drivers.driver import Driver
from tests.providers.shop import Shop
from tests.support.merchant.api import Merchant
from tests.support.providers.sandbox import Provider


@pytest.fixture(params=sorted(discover()))
def driver(request: pytest.FixtureRequest, gateway: Ready, provider: Provider) -> Iterator[Driver]:
    """A customer of the provider's."""
    assert request.param in DRIVERS, f"{request.param} needs a driver in tests/providers/drivers"
    driver = DRIVERS[request.param](gateway, provider)
    yield driver
    driver.close()


@pytest.fixture
def shop(driver: Driver, merchant: Merchant, provider: Provider) -> Shop:
    """A shop of the test's own that takes the provider."""
    return Shop(driver, merchant, provider, capabilities_of(driver.name))
