"""Which providers there are, found by their folders, and which of them are on."""

from __future__ import annotations

import pkgutil
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import import_module
from typing import Any
from uuid import UUID

from mesh import hints
from mesh.errors import ApiError, FieldViolation, invalid, invalid_fields, unauthenticated
from payment_svc import providers as folders
from payment_svc.providers import http_client
from payment_svc.providers.base import Capabilities, Provider
from payment_svc.providers.call_log import CallLog
from payment_svc.providers.kept import NOTHING, Kept
from payment_svc.providers.registration import Connection, ProviderRegistration, ProviderSettings
from payment_svc.providers.resilience import Hearing, Limits, ResilientProvider

Registrations = Mapping[str, ProviderRegistration[Any]]


def discover() -> Registrations:
    """Return every provider, on or not, by its name, in the order in which the gateway prefers them."""
    return _discover(tuple(folders.__path__))


@cache
def _discover(path: tuple[str, ...]) -> Registrations:
    names = [folder.name for folder in pkgutil.iter_modules(path) if folder.ispkg]
    found = [import_module(f"{folders.__name__}.{name}").REGISTRATION for name in names]
    return {one.name: one for one in sorted(found, key=lambda one: (one.preference, one.name))}


def capabilities_of(name: str) -> Capabilities:
    """Return what a provider can do, whether it is on or not. Raises KeyError where there is none of the name."""
    return discover()[name].capabilities


def display_name(name: str) -> str:
    """Return what customers call a provider."""
    return discover()[name].display_name or name.replace("_", " ").capitalize()


def kept_of(name: str) -> Kept:
    """Return what is kept of a provider's words; nothing of one that is here no more."""
    registration = discover().get(name)
    return registration.kept if registration else NOTHING


class Registry:
    """Makes providers from accounts' credentials, and holds those of the platform's own accounts."""

    def __init__(
        self,
        settings: Mapping[str, ProviderSettings],
        mode: str,
        connection: Connection,
        limits: Limits,
        calls: CallLog | None = None,
    ) -> None:
        """Turn on the platform's accounts that `settings` have credentials of; `mode` is theirs.

        What is said to providers is heard by `calls`.
        """
        self.mode = mode
        self._registrations = discover()
        self._settings = settings
        self._connection = connection
        self._limits = limits
        self._calls = calls
        # now, as nobody waits yet
        http_client.trusted()
        accounts = {name: one.platform_account(settings[name]) for name, one in self._registrations.items()}
        self._platform = {
            name: self.guarded(name, credentials, mode) for name, credentials in accounts.items() if credentials
        }

    def all(self) -> list[ResilientProvider]:
        """Return the platform's providers that are on, in the order in which the gateway prefers them."""
        return list(self._platform.values())

    def in_order(self, found: Mapping[str, ResilientProvider]) -> list[ResilientProvider]:
        """Return providers in the order in which the gateway prefers them."""
        return [found[name] for name in self._registrations if name in found]

    def get(self, name: str) -> ResilientProvider:
        """Return one of the platform's. Raises ApiError INVALID_ARGUMENT, reason PROVIDER_UNKNOWN, naming all."""
        provider = self._platform.get(name)
        if provider is None:
            raise unknown(name, sorted(self._platform))
        return provider

    def recognize(self, headers: Mapping[str, str]) -> ResilientProvider:
        """Return the platform's provider that signed a webhook, by its headers (names in lower case).

        Raises ApiError UNAUTHENTICATED when none of them did.
        """
        for name, provider in self._platform.items():
            if self._registrations[name].webhook_header in headers:
                return provider
        raise unauthenticated("WEBHOOK_SIGNATURE_INVALID", "no provider's signature is on this request")

    def is_signed(self, name: str, headers: Mapping[str, str]) -> bool:
        """Whether a webhook carries the provider's signature, right or wrong; also where there is no such provider."""
        registration = self._registrations.get(name)
        return registration is None or registration.webhook_header in headers

    def make(self, name: str, credentials: Mapping[str, str], mode: str) -> Provider:
        """Make a provider with an account's credentials.

        Raises ApiError INVALID_ARGUMENT that names what is missing, unknown or of the other mode; PROVIDER_UNKNOWN.
        """
        registration = self._registrations.get(name)
        if registration is None:
            raise unknown(name, list(self._registrations))
        _check_names(registration, credentials)
        return registration.make(credentials, mode, self._settings[name], self._connection)

    def guarded(
        self, name: str, credentials: Mapping[str, str], mode: str, account_id: UUID | None = None
    ) -> ResilientProvider:
        """Make a provider behind its breaker and bulkhead. Raises as `make` does."""
        made = self.make(name, credentials, mode)
        return ResilientProvider(made, self._limits, account_id, Hearing(self._calls, self._registrations[name].kept))

    async def close(self) -> None:
        """Release the connections of the platform's providers."""
        for provider in self._platform.values():
            await provider.close()


def _check_names(registration: ProviderRegistration[Any], credentials: Mapping[str, str]) -> None:
    required = registration.credentials
    takes = f"{registration.name} takes {', '.join(required)}"
    missing = [
        FieldViolation(f"credentials.{one}", f"is required: {takes}") for one in required if one not in credentials
    ]
    unknown = [
        FieldViolation(f"credentials.{one}", f"is unknown: {takes}") for one in credentials if one not in required
    ]
    if missing or unknown:
        raise invalid_fields([*missing, *unknown])


def unknown(name: str, known: Sequence[str], mode: str = "", *, field: str = "provider") -> ApiError:
    """Say that a provider is not on, or cannot be; `mode` is that of the payments in question, `live` or `test`."""
    if not known:
        return invalid(field, none_is_on(mode), "PROVIDER_UNKNOWN")
    near = hints.meant(hints.quoted(hints.near_name(name, known)))
    words = f"{name!r} is not a provider here{near}; there are: {', '.join(known)}"
    return invalid(field, words, "PROVIDER_UNKNOWN")


def none_is_on(mode: str) -> str:
    """Say that payments of a mode can go nowhere, and what helps."""
    where = f"no provider for {mode} payments is on" if mode else "no provider is on"
    return (
        f"{where}: add an account of your own with PUT /v1/provider_accounts/{{provider}}, or ask who runs the gateway"
    )
