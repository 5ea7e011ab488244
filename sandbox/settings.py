"""What the shared parts can be told from the environment; each provider has settings of its own in its folder."""

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Environment of the sandbox; every variable starts with ``SANDBOX_``."""

    model_config = SettingsConfigDict(env_prefix="SANDBOX_")

    listen: str = Field("127.0.0.1:12111", description="host:port to listen on")
    public_url: str = Field("", description="base of hosted page URLs; derived from `listen` when empty")
    database: str = Field("sandbox.sqlite3", description="path of the sqlite file that holds everything")
    webhook_retry_seconds: str = Field(
        "0.5,1,2,5,10,30,60,60,60", description="back-off before each further webhook attempt"
    )
    settle_seconds: float = Field(2.0, ge=0, description="how long asynchronous outcomes take")

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
