"""Settings of the notification service."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from mesh.settings import ConsumerSettings
from mesh.vault import VaultKeys
from notify_svc import addresses


def _are_networks(value: str) -> str:
    try:
        addresses.networks(value)
    except ValueError:
        raise ValueError("must be a comma list of networks such as 127.0.0.0/8") from None
    return value


class NotifySettings(ConsumerSettings):
    """What the notification service needs beside what all services do."""

    secret_keys: VaultKeys = Field(
        description="comma list of Fernet keys that encrypt endpoint secrets at rest; the first encrypts, all decrypt"
    )
    allow_http_webhooks: bool = Field(False, description="take http URLs as webhook endpoints: for development only")
    webhook_allow_networks: Annotated[str, AfterValidator(_are_networks)] = Field(
        "", description="comma list of networks that are not public and that webhooks may go to: for development only"
    )
    delivery_timeout_seconds: float = Field(10.0, gt=0, le=60, description="how long a merchant's server may take")
    delivery_concurrency: int = Field(200, ge=1, le=2000, description="deliveries under way at once")
    endpoint_concurrency: int = Field(8, ge=1, le=200, description="deliveries under way at once to one endpoint")
    merchant_streams: int = Field(10, ge=1, le=1000, description="streams of events that a merchant has open at once")
    stream_seconds: float = Field(900.0, gt=0, le=86400, description="after which time a stream of events ends")
    stream_heartbeat_seconds: float = Field(15.0, gt=0, le=30, description="how long a stream may have nothing to say")
