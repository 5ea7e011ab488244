"""Settings of the payment service."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx
from pydantic import Field, SecretStr, create_model, field_validator, model_validator

from mesh.settings import BusSettings, RedisUrl
from mesh.urls.proxies import ProxyUrl
from mesh.vault import BindSecrets, OptionalVaultKeys
from payment_svc.domain.provider_call import Keep
from payment_svc.domain.webhook_allowlist import WebhookAllowlist
from payment_svc.providers.registration import Connection, ProviderSettings
from payment_svc.providers.registry import discover
from payment_svc.providers.resilience import Limits


class PaymentSettings(BusSettings):
    """What the payment service needs beside what all services do; `settings_class` adds what providers need."""

    order_target: str = Field(min_length=1, description="host:port, or any gRPC name, of the order service")
    webhook_networks: str = Field(
        "",
        description="where webhooks may come from, by provider: `stripe=3.18.12.63,3.130.192.231;paypal=64.4.240.0/21`",
    )
    platform_mode: str = Field(
        "test",
        pattern="^(test|live)$",
        description="whose payments the platform's accounts take: those of test keys, or those of live keys",
    )
    secret_keys: OptionalVaultKeys = Field(
        SecretStr(""),
        description="comma list of Fernet keys for merchants' own accounts: the first encrypts, all decrypt",
    )
    bind_secrets: BindSecrets = False
    provider_timeout_seconds: float = Field(8.0, gt=0, le=80, description="how long one call to a provider may take")
    provider_patience_seconds: float = Field(
        90.0, gt=0, le=600, description="how long a call may take that is repeated to learn an unknown outcome"
    )
    provider_max_calls: int = Field(
        # one merchant has two thirds of them at the most (`payment_svc/providers/resilience.py`)
        600,
        ge=1,
        description="calls in flight at one provider before more are refused",
    )
    provider_proxy: ProxyUrl = Field(
        SecretStr(""),
        description="http(s) proxy that providers are reached through; empty: none, whatever the environment says",
    )
    return_surplus: bool = Field(
        True, description="give back at once what is captured for an order that is paid, cancelled or expired"
    )
    second_person_above: int = Field(
        100_000, ge=0, description="minor units above which a review takes the same answer from a second person"
    )
    circuit_failures: int = Field(5, ge=1, description="failures of a provider in a row that open a circuit")
    circuit_open_seconds: float = Field(10.0, gt=0, description="how long an open circuit refuses calls")
    authorization_hours: float = Field(
        0.0, ge=0, description="void what is not captured after this time; 0: when the provider's own time is over"
    )
    settling_seconds: float = Field(
        120.0,
        ge=0,
        description="payments younger than this, or than their provider takes to list them, are left out of a "
        "reconciliation; 0: none are",
    )
    reconcile_daily: bool = Field(True, description="compare the books of each provider every day")
    provider_event_retention_days: int = Field(
        180, ge=0, description="how long events of providers are kept that wait for nothing; 0: for ever"
    )
    provider_calls: Keep = Field(
        Keep.ALL, description="which calls to providers are kept, redacted: `all`, `failures` or `none`"
    )
    provider_call_retention_days: int = Field(90, ge=0, description="how long they are kept; 0: for ever")
    redis_url: RedisUrl = Field("", description="Redis for locks; empty: no locks")
    first_check_seconds: float = Field(
        20.0, gt=0, description="when to ask the provider about a payment whose first call never came to an end"
    )

    @property
    def providers(self) -> dict[str, ProviderSettings]:
        """What is set of each provider, by its name."""
        values = ((name, getattr(self, name)) for name in type(self).model_fields)
        return {name: value for name, value in values if isinstance(value, ProviderSettings)}

    @property
    def provider_connection(self) -> Connection:
        """How providers are called."""
        # a connection within a call's time, an answer for as long as a repetition has
        connecting = 0.75 * self.provider_timeout_seconds
        timeout = httpx.Timeout(self.provider_patience_seconds, connect=connecting, pool=connecting)
        return Connection(timeout, self.provider_max_calls, self.provider_proxy.get_secret_value())

    @property
    def provider_limits(self) -> Limits:
        """What stands around each account."""
        return Limits(
            *(self.circuit_failures, self.circuit_open_seconds, self.provider_max_calls),
            seconds=self.provider_timeout_seconds,
        )

    @property
    def authorization_lifetime(self) -> timedelta | None:
        """How long authorized money may wait for its capture, where it is shorter than the provider's own time."""
        return timedelta(hours=self.authorization_hours) if self.authorization_hours else None

    @field_validator("webhook_networks")
    @classmethod
    def _networks_can_be_read(cls, value: str) -> str:
        WebhookAllowlist(value)
        return value

    @model_validator(mode="after")
    def _accounts_are_of_the_mode(self) -> PaymentSettings:
        for settings in self.providers.values():
            settings.check_mode(self.platform_mode)
        return self


def settings_class() -> type[PaymentSettings]:
    """Return the service's settings with a field for each provider that there is, called as the provider is."""
    fields: dict[str, Any] = {
        name: (one.settings, Field(default_factory=dict, validate_default=True, description=f"settings of {name}"))
        for name, one in discover().items()
    }
    return create_model("PaymentSettings", __base__=PaymentSettings, **fields)
