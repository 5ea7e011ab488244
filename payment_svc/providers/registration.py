"""What a provider's folder exports: one `REGISTRATION`, all that the service must know of it beforehand."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

import httpx
from pydantic import SecretStr

from mesh.ids import Clock, utc_now
from mesh.settings import EnvironmentSettings
from payment_svc.providers.base import Capabilities, Provider
from payment_svc.providers.kept import NOTHING, Kept


class ProviderSettings(EnvironmentSettings):
    """What the platform says of one provider. A subclass has the prefix `FUSIONXPAY_<NAME>_`."""

    def check_mode(self, mode: str) -> None:
        """Raise ValueError for an account of the other mode (`test`, `live`), where its credentials tell."""


def refuse_public_defaults(given: Mapping[str, str], public: Mapping[str, str]) -> None:
    """Raise ValueError when some credentials are those that a simulator is published with, and others are not.

    Whoever has read the simulator's documents could sign webhooks of the real account. Both are by their variables.
    """
    known = [name for name, value in public.items() if value in given[name].split(",")]
    if 0 < len(known) < len(public):
        raise ValueError(f"{', '.join(known)}: the simulator's, which is public, is refused beside a real account")


SettingsT = TypeVar("SettingsT", bound=ProviderSettings)


@dataclass(frozen=True, slots=True)
class Connection:
    """How a provider is called: for how long, and by how many calls at once."""

    timeout: httpx.Timeout | float
    """What HTTP clients wait for a connection and for an answer; `ResilientProvider` bounds each call as a whole."""
    max_calls: int
    proxy: str = ""
    """The proxy that providers are reached through; empty: none, whatever the environment says."""
    clock: Clock = utc_now
    """The present, where an adapter decides by it."""


Factory = Callable[[Mapping[str, str], str, SettingsT, Connection], Provider]
"""Makes a provider from an account's credentials, their mode (`test`, `live`, or empty: unknown), and the settings.

Raises ApiError INVALID_ARGUMENT for credentials that cannot be right.
"""


@dataclass(frozen=True, slots=True)
class ProviderRegistration(Generic[SettingsT]):
    """A provider, whether it is on or not."""

    name: str
    """The word of merchants, paths and settings: the folder's name."""
    preference: int
    """Where the gateway tries it when nobody says otherwise: those with less go first."""
    capabilities: Capabilities
    credentials: tuple[str, ...]
    """What a merchant's own account consists of; the settings of the same names are the platform's account."""
    settings: type[SettingsT]
    webhook_header: str
    """The header, in lower case, that only its webhooks carry."""
    make: Factory[SettingsT]
    display_name: str = ""
    """What customers read where they choose; empty: the name."""
    kept: Kept = NOTHING
    """What is kept of what is said to it and by it; where nothing is named: that it was asked, and the status."""

    def platform_account(self, settings: ProviderSettings) -> dict[str, str]:
        """Return the credentials of the platform's own account; nothing when the first of them is not set."""
        values = {name: _plain(getattr(settings, name)) for name in self.credentials}
        return values if values[self.credentials[0]] else {}


def _plain(value: str | SecretStr) -> str:
    return value.get_secret_value() if isinstance(value, SecretStr) else value
