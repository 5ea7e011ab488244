"""Settings of the console."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, Field, Json, SecretStr

from console.domain import Role
from mesh.settings import ServiceSettings
from mesh.vault import VaultKeys


class FirstUser(BaseModel):
    """A user that is made at the start."""

    email: str
    password: SecretStr
    role: Role
    merchant_id: str = ""


class ConsoleSettings(ServiceSettings):
    """Where what it is a client of is, and how long people stay logged in."""

    database_pool_size: int = Field(4, ge=2, le=200, description="connections held to the database at the most")
    public_url: str = Field(
        pattern=r"^https?://.+", description="where people reach the gateway; the console is at /console"
    )
    gateway_url: str = Field(pattern=r"^https?://.+", description="where the console reaches the public API")
    gateway_ca_file: Path | None = Field(None, description="the CA of the public API, PEM; none: those of the system")
    gateway_server_name: str = Field(
        "", description="name in the public API's certificate where it is not that of the URL; empty: it is"
    )
    edge_target: str = Field(description="host:port of the edge service")
    order_target: str = Field(description="host:port of the order service")
    payment_target: str = Field(description="host:port of the payment service")
    notify_target: str = Field(description="host:port of the notification service")
    audit_target: str = Field(description="host:port of the audit service")
    secret_keys: VaultKeys = Field(description="Fernet keys, by comma; the first encrypts")
    docs_folder: Path | None = Field(None, description="where the documentation was built; none: there is none")
    session_hours: float = Field(12.0, gt=0, le=24 * 7, description="after which a person logs in again")
    first_users: Json[list[FirstUser]] = Field(
        default_factory=list,
        description="users that are made at the start where there are none of their addresses, as JSON",
    )
