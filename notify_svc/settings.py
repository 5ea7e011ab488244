"""Settings of the notification service."""

from __future__ import annotations

from cryptography.fernet import Fernet
from pydantic import Field, SecretStr, field_validator

from mesh.settings import ServiceSettings


class NotifySettings(ServiceSettings):
    """What the notification service needs beside what all services do."""

    secret_keys: SecretStr = Field(
        description="comma list of Fernet keys that encrypt endpoint secrets at rest; the first encrypts, all decrypt"
    )
    allow_http_webhooks: bool = Field(
        False, description="take http URLs and addresses of this machine as webhook endpoints: for development only"
    )
    delivery_timeout_seconds: float = Field(10.0, gt=0, le=60, description="how long a merchant's server may take")
    delivery_concurrency: int = Field(32, ge=1, le=500, description="deliveries under way at once")

    @field_validator("secret_keys")
    @classmethod
    def _are_keys(cls, value: SecretStr) -> SecretStr:
        for key in value.get_secret_value().split(","):
            try:
                Fernet(key.strip())
            except ValueError:
                raise ValueError("each must be a Fernet key: 32 bytes in URL-safe base64") from None
        return value
