"""The settings of each provider, for the payment service and for the sandbox: one module a provider, found by name."""

from __future__ import annotations

import pkgutil
from importlib import import_module
from typing import Protocol, cast

from stack.layout import StackLayout


class ProviderModule(Protocol):
    """What each module here has."""

    PREFIX: str
    """Of its settings in the environment, which no other service inherits."""

    def gateway_settings(self, layout: StackLayout) -> dict[str, str]:
        """Return the settings of the payment service, without the prefix `FUSIONXPAY_`."""
        ...

    def sandbox_settings(self, layout: StackLayout) -> dict[str, str]:
        """Return the settings of the sandbox; asked only where there is one."""
        ...


def provider_folders() -> list[str]:
    """Name the package of each provider inside of a service's own."""
    return [f"providers.{one.name}" for one in pkgutil.iter_modules(__path__)]


def discover() -> list[ProviderModule]:
    """Return the modules of all providers."""
    return [cast(ProviderModule, import_module(f"{__name__}.{one.name}")) for one in pkgutil.iter_modules(__path__)]
