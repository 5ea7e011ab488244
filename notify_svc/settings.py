"""Settings of the notification service."""

from __future__ import annotations

import re
from typing import Annotated, Self

from pydantic import AfterValidator, Field, SecretStr, model_validator

from mesh.mail.settings import MailSettings
from mesh.settings import ConsumerSettings
from mesh.urls.proxies import ProxyUrl
from mesh.vault import BindSecrets, VaultKeys
from notify_svc.domain import addresses
from notify_svc.domain.vapid import VapidKey

_CONTACT = re.compile(r"mailto:[^@\s]+@[\w-]+(\.[\w-]+)*|https://[\w-]+(\.[\w-]+)+")


def _are_networks(value: str) -> str:
    try:
        addresses.networks(value)
    except ValueError:
        raise ValueError("must be a comma list of networks such as 127.0.0.0/8") from None
    return value


def _is_contact(value: str) -> str:
    if value and not _CONTACT.fullmatch(value):
        raise ValueError("must be mailto: and an address, or https:// and a host")
    return value


def _is_vapid_key(value: SecretStr) -> SecretStr:
    if key := value.get_secret_value():
        try:
            VapidKey.of(key, "")
        except ValueError:
            raise ValueError("must be a private key of P-256: 32 bytes in URL-safe base64") from None
    return value


class NotifySettings(ConsumerSettings, MailSettings):
    """What the notification service needs beside what all services do."""

    secret_keys: VaultKeys = Field(
        description="comma list of Fernet keys that encrypt endpoint secrets at rest; the first encrypts, all decrypt"
    )
    bind_secrets: BindSecrets = False
    identity_target: str = Field(
        min_length=1, description="host:port, or any gRPC name, of the edge service: it knows which keys have ended"
    )
    event_retention_days: int = Field(
        90, ge=0, description="how long merchants' events are kept, with their deliveries and attempts; 0: for ever"
    )
    allow_http_webhooks: bool = Field(False, description="take http URLs as webhook endpoints: for development only")
    webhook_allow_networks: Annotated[str, AfterValidator(_are_networks)] = Field(
        "", description="comma list of networks that are not public and that webhooks may go to: for development only"
    )
    webhook_proxy: ProxyUrl = Field(
        SecretStr(""),
        description="http(s) proxy that merchants' servers are reached through; empty: none, whatever the environment",
    )
    webhook_challenge: bool = Field(
        False, description="whether a webhook endpoint's server has to answer a challenge before its URL is taken"
    )
    push_services: str = Field(
        "fcm.googleapis.com,*.push.services.mozilla.com,*.push.apple.com,*.notify.windows.com",
        description="comma list of hosts, `*.` for all below, that push messages go to where WEBHOOK_CHALLENGE is on",
    )
    delivery_timeout_seconds: float = Field(10.0, gt=0, le=60, description="how long a merchant's server may take")
    delivery_concurrency: int = Field(200, ge=1, le=2000, description="deliveries under way at once")
    endpoint_concurrency: int = Field(8, ge=1, le=200, description="deliveries under way at once to one endpoint")
    merchant_concurrency: int = Field(50, ge=1, le=2000, description="deliveries under way at once of one merchant")
    merchant_streams: int = Field(10, ge=1, le=1000, description="streams of events that a merchant has open at once")
    stream_seconds: float = Field(900.0, gt=0, le=86400, description="after which time a stream of events ends")
    stream_heartbeat_seconds: float = Field(15.0, gt=0, le=30, description="how long a stream may have nothing to say")
    smtp_connections: int = Field(10, ge=1, le=200, description="mails handed over at once")
    vapid_private_key: Annotated[SecretStr, AfterValidator(_is_vapid_key)] = Field(
        SecretStr(""), description="private key that push services know the gateway by; empty: no push"
    )
    vapid_contact: Annotated[str, AfterValidator(_is_contact)] = Field(
        "", description="whom push services may write to, as mailto:ops@example.com or https://…"
    )

    @property
    def vapid_key(self) -> VapidKey | None:
        """Who sends push messages; None when push is off."""
        key = self.vapid_private_key.get_secret_value()
        return VapidKey.of(key, self.vapid_contact) if key else None

    @model_validator(mode="after")
    def _check_channels(self) -> Self:
        if bool(self.vapid_private_key.get_secret_value()) != bool(self.vapid_contact):
            raise ValueError("VAPID_PRIVATE_KEY and VAPID_CONTACT come together")
        return self
