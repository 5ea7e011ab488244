"""Stripe's settings and registration."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import Field, SecretStr, model_validator

from mesh.errors import invalid
from payment_svc.providers.base import Provider
from payment_svc.providers.registration import (
    Connection,
    ProviderRegistration,
    ProviderSettings,
    refuse_public_defaults,
)
from payment_svc.providers.stripe import webhooks
from payment_svc.providers.stripe.adapter import StripeProvider
from payment_svc.providers.stripe.kept import KEPT

LIVE_KEYS = ("sk_live_", "rk_live_")


SIMULATED = {
    "FUSIONXPAY_STRIPE_API_KEY": "sk_test_sandbox",
    "FUSIONXPAY_STRIPE_WEBHOOK_SECRET": "whsec_sandbox",
}
"""What the simulator has where nobody says otherwise."""


class StripeSettings(ProviderSettings, env_prefix="FUSIONXPAY_STRIPE_"):
    """The platform's account at Stripe; it is on when its key is set."""

    api_key: SecretStr = Field(SecretStr(""), description="Stripe secret key; empty: Stripe is off")
    api_base: str = Field("", pattern=r"^(https?://.+)?$", description="Stripe's address; empty: the real one")
    webhook_secret: SecretStr = Field(
        SecretStr(""), description="comma list of webhook signing secrets (`whsec_…`), more than one while rotating"
    )

    def check_mode(self, mode: str) -> None:
        """Stripe's keys tell their mode."""
        key = self.api_key.get_secret_value()
        if key and not _is_of_mode(key, mode):
            raise ValueError(f"FUSIONXPAY_STRIPE_API_KEY is not a {mode} key (FUSIONXPAY_PLATFORM_MODE)")

    @model_validator(mode="after")
    def _is_whole(self) -> StripeSettings:
        if self.api_key.get_secret_value() and not self.webhook_secret.get_secret_value():
            raise ValueError("FUSIONXPAY_STRIPE_WEBHOOK_SECRET must be set when FUSIONXPAY_STRIPE_API_KEY is")
        given = {
            "FUSIONXPAY_STRIPE_API_KEY": self.api_key.get_secret_value(),
            "FUSIONXPAY_STRIPE_WEBHOOK_SECRET": self.webhook_secret.get_secret_value(),
        }
        refuse_public_defaults(given, SIMULATED)
        return self


def _make(credentials: Mapping[str, str], mode: str, settings: StripeSettings, connection: Connection) -> Provider:
    key = credentials["api_key"]
    if mode and not _is_of_mode(key, mode):
        raise invalid("credentials.api_key", f"is not a {mode} key", "MODE_DIFFERS")
    return StripeProvider(
        key,
        credentials["webhook_secret"].split(","),
        settings.api_base,
        timeout=connection.timeout,
        max_calls=connection.max_calls,
        proxy=connection.proxy,
    )


def _is_of_mode(key: str, mode: str) -> bool:
    return key.startswith(LIVE_KEYS) == (mode == "live")


REGISTRATION = ProviderRegistration(
    name=StripeProvider.name,
    preference=10,
    capabilities=StripeProvider.capabilities,
    credentials=("api_key", "webhook_secret"),
    settings=StripeSettings,
    webhook_header=webhooks.HEADER,
    make=_make,
    display_name="Card (Stripe)",
    kept=KEPT,
)
