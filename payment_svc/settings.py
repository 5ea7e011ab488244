"""Settings of the payment service."""

from __future__ import annotations

from datetime import timedelta

from pydantic import Field, SecretStr, field_validator, model_validator

from mesh.settings import ServiceSettings
from payment_svc.domain.webhook_allowlist import WebhookAllowlist


class PaymentSettings(ServiceSettings):
    """What the payment service needs beside what all services do. A provider is on when its key is set."""

    order_target: str = Field(min_length=1, description="host:port, or any gRPC name, of the order service")
    stripe_api_key: SecretStr = Field(SecretStr(""), description="Stripe secret key; empty: Stripe is off")
    stripe_api_base: str = Field("", pattern=r"^(https?://.+)?$", description="Stripe's address; empty: the real one")
    stripe_webhook_secret: SecretStr = Field(
        SecretStr(""), description="comma list of webhook signing secrets (`whsec_…`), more than one while rotating"
    )
    bank_transfer_api_key: SecretStr = Field(SecretStr(""), description="the bank's API key; empty: transfers are off")
    bank_transfer_api_base: str = Field("", pattern=r"^(https?://.+)?$", description="address of the bank's API")
    bank_transfer_webhook_secret: SecretStr = Field(
        SecretStr(""), description="comma list of secrets that sign the bank's callbacks, more than one while rotating"
    )
    bank_transfer_token_secret: SecretStr = Field(
        SecretStr(""),
        description="comma list of secrets, ours alone, that callback tokens are made of; the newest first",
    )
    paypal_client_id: str = Field("", description="client id of the PayPal app; empty: PayPal is off")
    paypal_client_secret: SecretStr = Field(SecretStr(""), description="its secret")
    paypal_webhook_id: str = Field(
        "", pattern=r"^[\w-]*$", description="id of the webhook in that app: part of what PayPal signs"
    )
    paypal_api_base: str = Field(
        "",
        pattern=r"^(https?://.+)?$",
        description="PayPal's address; empty: the live one. PayPal's own sandbox is https://api-m.sandbox.paypal.com",
    )
    paypal_cert_url_base: str = Field(
        "",
        pattern=r"^(https?://.+)?$",
        description="where a simulator's webhook certificates may be fetched from, beside PayPal's own addresses",
    )
    paypal_ca_file: str = Field(
        "", description="PEM file of the CAs trusted to issue webhook certificates; empty: the usual public ones"
    )
    webhook_networks: str = Field(
        "",
        description="where webhooks may come from, by provider: `stripe=3.18.12.63,3.130.192.231;paypal=64.4.240.0/21`",
    )
    platform_mode: str = Field(
        "test",
        pattern="^(test|live)$",
        description="whose payments the accounts above take: those of test keys, or those of live keys",
    )
    secret_keys: SecretStr = Field(
        SecretStr(""),
        description="comma list of Fernet keys for merchants' own accounts: the first encrypts, all decrypt",
    )
    provider_timeout_seconds: float = Field(8.0, gt=0, le=80, description="how long one call to a provider may take")
    provider_max_calls: int = Field(
        400,
        ge=1,
        description="calls in flight at one provider before more are refused",
    )
    circuit_failures: int = Field(5, ge=1, description="failures of a provider in a row that open a circuit")
    circuit_open_seconds: float = Field(10.0, gt=0, description="how long an open circuit refuses calls")
    authorization_hours: float = Field(
        0.0, ge=0, description="void what is not captured after this time; 0: when the provider's own time is over"
    )
    settling_seconds: float = Field(
        120.0, ge=0, description="payments younger than this are left out of a reconciliation"
    )
    redis_url: str = Field("", pattern=r"^((rediss?|unix)://.+)?$", description="Redis for locks; empty: no locks")
    first_check_seconds: float = Field(
        20.0, gt=0, description="when to ask the provider about a payment whose first call never came to an end"
    )

    def platform_accounts(self) -> dict[str, dict[str, str]]:
        """Return the credentials of the platform's own accounts that are on, by the provider's name."""
        accounts: dict[str, dict[str, str]] = {}
        if key := self.stripe_api_key.get_secret_value():
            accounts["stripe"] = {"api_key": key, "webhook_secret": self.stripe_webhook_secret.get_secret_value()}
        if self.paypal_client_id:
            accounts["paypal"] = {
                "client_id": self.paypal_client_id,
                "client_secret": self.paypal_client_secret.get_secret_value(),
                "webhook_id": self.paypal_webhook_id,
            }
        if key := self.bank_transfer_api_key.get_secret_value():
            secret = self.bank_transfer_webhook_secret.get_secret_value()
            accounts["bank_transfer"] = {"api_key": key, "webhook_secret": secret}
        return accounts

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
    def _bank_transfer_is_whole(self) -> PaymentSettings:
        values = {
            "API_KEY": self.bank_transfer_api_key.get_secret_value(),
            "API_BASE": self.bank_transfer_api_base,
            "WEBHOOK_SECRET": self.bank_transfer_webhook_secret.get_secret_value(),
            "TOKEN_SECRET": self.bank_transfer_token_secret.get_secret_value(),
        }
        missing = [f"FUSIONXPAY_BANK_TRANSFER_{name}" for name, value in values.items() if not value]
        if 0 < len(missing) < len(values):
            raise ValueError(f"all of FUSIONXPAY_BANK_TRANSFER_* must be set, or none; not set: {', '.join(missing)}")
        return self

    @model_validator(mode="after")
    def _stripe_is_whole(self) -> PaymentSettings:
        key = self.stripe_api_key.get_secret_value()
        if key and not self.stripe_webhook_secret.get_secret_value():
            raise ValueError("FUSIONXPAY_STRIPE_WEBHOOK_SECRET must be set when FUSIONXPAY_STRIPE_API_KEY is")
        if key and key.startswith(("sk_live_", "rk_live_")) != (self.platform_mode == "live"):
            raise ValueError(f"FUSIONXPAY_STRIPE_API_KEY is not a {self.platform_mode} key (FUSIONXPAY_PLATFORM_MODE)")
        return self

    @model_validator(mode="after")
    def _paypal_is_whole(self) -> PaymentSettings:
        given = {
            "FUSIONXPAY_PAYPAL_CLIENT_ID": self.paypal_client_id,
            "FUSIONXPAY_PAYPAL_CLIENT_SECRET": self.paypal_client_secret.get_secret_value(),
            "FUSIONXPAY_PAYPAL_WEBHOOK_ID": self.paypal_webhook_id,
        }
        missing = [name for name, value in given.items() if not value]
        if 0 < len(missing) < len(given):
            raise ValueError(f"{', '.join(missing)} must be set as well, or none of {', '.join(given)}")
        return self
