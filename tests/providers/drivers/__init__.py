"""One driver per provider. A provider that is registered and has none here fails the whole suite."""

from __future__ import annotations

import pkgutil
from importlib import import_module

from tests.providers.drivers.driver import Driver as Driver

for _module in pkgutil.iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")

DRIVERS: dict[str, type[Driver]] = {driver.name: driver for driver in Driver.__subclasses__()}
