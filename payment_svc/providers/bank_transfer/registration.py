"""The bank's settings and registration."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import Field, SecretStr, model_validator

from mesh.errors import invalid
from payment_svc.providers.bank_transfer import webhooks
from payment_svc.providers.bank_transfer.adapter import BankTransferProvider
from payment_svc.providers.bank_transfer.kept import KEPT
from payment_svc.providers.base import Provider
from payment_svc.providers.registration import Connection, ProviderRegistration, ProviderSettings


class BankTransferSettings(ProviderSettings, env_prefix="FUSIONXPAY_BANK_TRANSFER_"):
    """The platform's account at the bank for transfers; it is on when its key is set."""

    api_key: SecretStr = Field(SecretStr(""), description="the bank's API key; empty: transfers are off")
    api_base: str = Field("", pattern=r"^(https?://.+)?$", description="address of the bank's API")
    webhook_secret: SecretStr = Field(
        SecretStr(""), description="comma list of secrets that sign the bank's callbacks, more than one while rotating"
    )
    token_secret: SecretStr = Field(
        SecretStr(""),
        description="comma list of secrets, ours alone, that callback tokens are made of; the newest first",
    )

    @model_validator(mode="after")
    def _is_whole(self) -> BankTransferSettings:
        values = {
            "API_KEY": self.api_key.get_secret_value(),
            "API_BASE": self.api_base,
            "WEBHOOK_SECRET": self.webhook_secret.get_secret_value(),
            "TOKEN_SECRET": self.token_secret.get_secret_value(),
        }
        missing = [f"FUSIONXPAY_BANK_TRANSFER_{name}" for name, value in values.items() if not value]
        if 0 < len(missing) < len(values):
            raise ValueError(f"all of FUSIONXPAY_BANK_TRANSFER_* must be set, or none; not set: {', '.join(missing)}")
        return self


def _make(
    credentials: Mapping[str, str], mode: str, settings: BankTransferSettings, connection: Connection
) -> Provider:
    del mode  # the bank has one address for both, and its key selects the mode
    if not settings.api_base:
        raise invalid("provider", "bank transfers are not on here", "PROVIDER_UNKNOWN")
    return BankTransferProvider(
        credentials["api_key"],
        settings.api_base,
        credentials["webhook_secret"].split(","),
        settings.token_secret.get_secret_value().split(","),
        timeout=connection.timeout,
        proxy=connection.proxy,
    )


REGISTRATION = ProviderRegistration(
    name=BankTransferProvider.name,
    preference=30,
    capabilities=BankTransferProvider.capabilities,
    credentials=("api_key", "webhook_secret"),
    settings=BankTransferSettings,
    webhook_header=webhooks.HEADER,
    make=_make,
    display_name="Bank transfer",
    kept=KEPT,
)
