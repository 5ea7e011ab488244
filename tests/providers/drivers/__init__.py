"""One driver per provider. A provider that is registered and has none here fails the whole suite."""

from __future__ import annotations

import pkgutil
from importlib import import_module

from tests.providers.drivers.driver import Driver as Driver

_MODULES = [import_module(f"{__name__}.{found.name}") for found in pkgutil.iter_modules(__path__)]
# by the folder, not by `__subclasses__()`: what another test has imported is no driver of ours
DRIVERS: dict[str, type[Driver]] = {
    driver.name: driver
    for module in _MODULES
    for driver in vars(module).values()
    if isinstance(driver, type) and issubclass(driver, Driver) and driver is not Driver
}
