"""One driver per provider. A provider that is registered and has none here fails the whole suite."""

from __future__ import annotations

from tests.providers.drivers.bank_transfer import BankTransferDriver
from tests.providers.drivers.driver import Driver
from tests.providers.drivers.paypal import PaypalDriver
from tests.providers.drivers.stripe import StripeDriver

DRIVERS: dict[str, type[Driver]] = {driver.name: driver for driver in (BankTransferDriver, PaypalDriver, StripeDriver)}
