"""The settings of each provider, for the payment service and for the sandbox: one module a provider, found by name."""

from __future__ import annotations

import os
import pkgutil
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Protocol, cast

from stack.state import DataDir


class Surroundings(Protocol):
    """What a provider has to know of the stack."""

    @property
    def data(self) -> DataDir:
        """The folder that keeps the secrets made for the stack."""
        ...

    @property
    def edge_url(self) -> str:
        """The public address of the gateway, where webhooks go."""
        ...

    @property
    def sandbox_url(self) -> str:
        """The address of the sandbox; empty where there is none."""
        ...


@dataclass(frozen=True)
class Account:
    """What `fusionxpay golive` holds a provider's settings to, all of them named without the prefix `FUSIONXPAY_`."""

    credentials: Mapping[str, str]
    """The settings that an account takes, the one first with which it is on; each with what `docs/sandbox.md` publishes
    of the simulator's, with which whoever reads it can sign webhooks."""
    addresses: tuple[str, ...] = ()
    """The settings that lead to a simulator, and are empty for the provider's own."""
    live: tuple[str, ...] = ()
    """How the first credential begins when it is for real money; nothing where it does not show."""
    where: str = ""
    """Where people find the live one."""


class ProviderModule(Protocol):
    """What each module here has."""

    PREFIX: str
    """Of its settings in the environment, which no other service inherits."""
    REPLACES_SANDBOX: str
    """The setting of the environment with which the stack starts no sandbox; empty: there is none."""
    ACCOUNT: Account
    """What has to be set of it before real money is taken."""

    def gateway_settings(self, on: Surroundings) -> dict[str, str]:
        """Return the settings of the payment service, without the prefix `FUSIONXPAY_`."""
        ...

    def sandbox_settings(self, on: Surroundings) -> dict[str, str]:
        """Return the settings of the sandbox; asked only where there is one."""
        ...


def discover() -> Mapping[str, ProviderModule]:
    """Return the modules of all providers by their names."""
    names = [one.name for one in pkgutil.iter_modules(__path__)]
    return {name: cast(ProviderModule, import_module(f"{__name__}.{name}")) for name in names}


def replaces_sandbox() -> bool:
    """Whether the environment has an account at a real provider in place of the sandbox."""
    return any(os.environ.get(one.REPLACES_SANDBOX) for one in discover().values() if one.REPLACES_SANDBOX)


def webhook_secrets(on: Surroundings) -> dict[str, str]:
    """Return what webhooks are signed with, of each provider that shares a secret with the gateway."""
    settings = {name: one.gateway_settings(on) for name, one in discover().items()}
    found = {name: ours.get(f"{name.upper()}_WEBHOOK_SECRET") for name, ours in settings.items()}
    return {name: secret for name, secret in found.items() if secret}


def outside(prefix: str) -> dict[str, str]:
    """Return what the environment sets of a provider, without the prefix `FUSIONXPAY_`."""
    found = {name: value for name, value in os.environ.items() if name.startswith(prefix) and value}
    return {name.removeprefix("FUSIONXPAY_"): value for name, value in found.items()}
