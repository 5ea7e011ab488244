"""What the simulated bank can be told from the environment."""

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class BankTransferSettings(BaseSettings):
    """Settings of bank; every variable starts with ``SANDBOX_BANK_TRANSFER_``."""

    model_config = SettingsConfigDict(env_prefix="SANDBOX_BANK_TRANSFER_")

    api_key: str = Field("bank_sandbox_key", description="the one key that the bank accepts")
    webhook_url: str = Field("", description="where the bank's callbacks go; empty sends none")
    webhook_secret: str = Field("bank_sandbox_secret", description="signs `Bank-Signature`")
