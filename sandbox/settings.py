"""What the simulator can be told from the environment."""

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Environment of the sandbox; every variable starts with ``SANDBOX_``."""

    model_config = SettingsConfigDict(env_prefix="SANDBOX_")

    listen: str = Field("127.0.0.1:12111", description="host:port to listen on")
    public_url: str = Field("", description="base of hosted page URLs; derived from `listen` when empty")
    database: str = Field("sandbox.sqlite3", description="path of the sqlite file that holds everything")
    stripe_api_key: str = Field("sk_test_sandbox", description="the one secret key that is accepted")
    stripe_webhook_url: str = Field("", description="where Stripe events go; empty sends none")
    stripe_webhook_secret: str = Field("whsec_sandbox", description="signing secret of that endpoint")
    paypal_client_id: str = Field("paypal_sandbox_client", description="the one OAuth client that is accepted")
    paypal_client_secret: str = Field("paypal_sandbox_secret", description="its secret")
    paypal_token_seconds: int = Field(32400, ge=0, description="how long access tokens live")
    paypal_webhook_url: str = Field("", description="where PayPal events go; empty sends none")
    paypal_webhook_id: str = Field("WH-SANDBOX", description="id of that webhook; part of what is signed")
    paypal_cert_url_base: str = Field("", description="base of PAYPAL-CERT-URL; the sandbox itself when empty")
    paypal_ca_file: str = Field("", description="where the CA to trust is written; beside `database` when empty")
    bank_transfer_api_key: str = Field("bank_sandbox_key", description="the one key that the bank accepts")
    bank_transfer_webhook_url: str = Field("", description="where the bank's callbacks go; empty sends none")
    bank_transfer_webhook_secret: str = Field("bank_sandbox_secret", description="signs `Bank-Signature`")
    webhook_retry_seconds: str = Field(
        "0.5,1,2,5,10,30,60,60,60", description="back-off before each further webhook attempt"
    )
    settle_seconds: float = Field(2.0, ge=0, description="how long asynchronous outcomes take")
    api_version: str = Field("2026-10-28.endive", description="Stripe API version stamped on events")

    @field_validator("webhook_retry_seconds")
    @classmethod
    def _schedule_is_numeric(cls, value: str) -> str:
        _ = [float(part) for part in value.split(",") if part.strip()]
        return value

    @property
    def host(self) -> str:
        """The address to bind."""
        return self.listen.rpartition(":")[0] or "127.0.0.1"

    @property
    def port(self) -> int:
        """The port to bind."""
        return int(self.listen.rpartition(":")[2])

    @property
    def base_url(self) -> str:
        """The address that customers and tests reach the sandbox by, without a trailing slash."""
        return (self.public_url or f"http://{self.host}:{self.port}").rstrip("/")

    @property
    def retry_schedule(self) -> list[float]:
        """Seconds to wait before the second, third… attempt of a webhook."""
        return [float(part) for part in self.webhook_retry_seconds.split(",") if part.strip()]
