"""PayPal's settings and registration."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import Field, SecretStr, model_validator

from payment_svc.providers.base import Provider
from payment_svc.providers.paypal import webhooks
from payment_svc.providers.paypal.adapter import Access, PaypalProvider
from payment_svc.providers.paypal.kept import KEPT
from payment_svc.providers.registration import (
    Connection,
    ProviderRegistration,
    ProviderSettings,
    refuse_public_defaults,
)

SANDBOX = "https://api-m.sandbox.paypal.com"


SIMULATED = {
    "FUSIONXPAY_PAYPAL_CLIENT_ID": "paypal_sandbox_client",
    "FUSIONXPAY_PAYPAL_CLIENT_SECRET": "paypal_sandbox_secret",
}
"""What the simulator has where nobody says otherwise."""


class PaypalSettings(ProviderSettings, env_prefix="FUSIONXPAY_PAYPAL_"):
    """The platform's account at PayPal; it is on when its client id is set."""

    client_id: str = Field("", description="client id of the PayPal app; empty: PayPal is off")
    client_secret: SecretStr = Field(SecretStr(""), description="its secret")
    webhook_id: str = Field(
        "", pattern=r"^[\w-]*$", description="id of the webhook in that app: part of what PayPal signs"
    )
    api_base: str = Field(
        "",
        pattern=r"^(https?://.+)?$",
        description=f"PayPal's address; empty: the live one. PayPal's own sandbox is {SANDBOX}",
    )
    cert_url_base: str = Field(
        "",
        pattern=r"^(https?://.+)?$",
        description="where a simulator's webhook certificates may be fetched from, beside PayPal's own addresses",
    )
    ca_file: str = Field(
        "", description="PEM file of the CAs trusted to issue webhook certificates; empty: the usual public ones"
    )

    @model_validator(mode="after")
    def _is_whole(self) -> PaypalSettings:
        given = {
            "FUSIONXPAY_PAYPAL_CLIENT_ID": self.client_id,
            "FUSIONXPAY_PAYPAL_CLIENT_SECRET": self.client_secret.get_secret_value(),
            "FUSIONXPAY_PAYPAL_WEBHOOK_ID": self.webhook_id,
        }
        missing = [name for name, value in given.items() if not value]
        if 0 < len(missing) < len(given):
            raise ValueError(f"{', '.join(missing)} must be set as well, or none of {', '.join(given)}")
        refuse_public_defaults(given, SIMULATED)
        return self


def _make(credentials: Mapping[str, str], mode: str, settings: PaypalSettings, connection: Connection) -> Provider:
    access = Access(
        client_id=credentials["client_id"],
        client_secret=credentials["client_secret"],
        webhook_id=credentials["webhook_id"],
        # PayPal's credentials do not show their mode, but each of its two addresses knows only its own
        api_base=settings.api_base.rstrip("/") or (SANDBOX if mode == "test" else ""),
        cert_url_base=settings.cert_url_base,
        ca_file=settings.ca_file,
    )
    return PaypalProvider(
        access,
        timeout=connection.timeout,
        max_calls=connection.max_calls,
        proxy=connection.proxy,
        clock=connection.clock,
    )


REGISTRATION = ProviderRegistration(
    name=PaypalProvider.name,
    preference=20,
    capabilities=PaypalProvider.capabilities,
    credentials=("client_id", "client_secret", "webhook_id"),
    settings=PaypalSettings,
    webhook_header=webhooks.SIGNATURE,
    make=_make,
    display_name="PayPal",
    kept=KEPT,
)
