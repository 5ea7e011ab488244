"""Settings of the notification service."""

from __future__ import annotations

from pydantic import Field

from mesh.settings import ServiceSettings
from mesh.vault import VaultKeys


class NotifySettings(ServiceSettings):
    """What the notification service needs beside what all services do."""

    secret_keys: VaultKeys = Field(
        description="comma list of Fernet keys that encrypt endpoint secrets at rest; the first encrypts, all decrypt"
    )
    allow_http_webhooks: bool = Field(
        False, description="take http URLs and addresses of this machine as webhook endpoints: for development only"
    )
    delivery_timeout_seconds: float = Field(10.0, gt=0, le=60, description="how long a merchant's server may take")
    delivery_concurrency: int = Field(32, ge=1, le=500, description="deliveries under way at once")
