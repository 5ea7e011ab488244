"""What the simulated PayPal can be told from the environment."""

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class PaypalSettings(BaseSettings):
    """Settings of PayPal; every variable starts with ``SANDBOX_PAYPAL_``."""

    model_config = SettingsConfigDict(env_prefix="SANDBOX_PAYPAL_")

    client_id: str = Field("paypal_sandbox_client", description="the one OAuth client that is accepted")
    client_secret: str = Field("paypal_sandbox_secret", description="its secret")
    token_seconds: int = Field(32400, ge=0, description="how long access tokens live")
    webhook_url: str = Field("", description="where PayPal events go; empty sends none")
    webhook_id: str = Field("WH-SANDBOX", description="id of that webhook; part of what is signed")
    cert_url_base: str = Field("", description="base of PAYPAL-CERT-URL; the sandbox itself when empty")
    ca_file: str = Field("", description="where the CA to trust is written; beside the database when empty")
