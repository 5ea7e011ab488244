"""Settings of the console."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Self
from uuid import UUID

from pydantic import BaseModel, Field, Json, SecretStr, model_validator

from console.domain import Role
from mesh.mail.settings import MailSettings
from mesh.vault import VaultKeys

_ISSUER = re.compile(r"|https://[^\s?#]+|http://(localhost|127\.0\.0\.1)(:\d+)?(/[^\s?#]*)?")


class FirstUser(BaseModel):
    """A user that is made at the start."""

    email: str
    password: SecretStr
    role: Role
    merchant_id: str = ""


class OidcDomain(BaseModel):
    """A domain whose people come in by the provider of identities without an invitation."""

    domain: str = Field(pattern=r"^[a-z0-9-]+(\.[a-z0-9-]+)+$")
    role: Role
    merchant_id: UUID | None = None

    @model_validator(mode="after")
    def _check_role(self) -> Self:
        if (self.role is Role.OPERATOR) != (self.merchant_id is None):
            raise ValueError("operators are of no merchant, and everybody else is of one")
        return self


class ConsoleSettings(MailSettings):
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
    oidc_issuer: str = Field(
        "", description="provider of identities (OpenID Connect) that people may log in by; empty: none"
    )
    oidc_client_id: str = Field("", description="what this gateway is called there")
    oidc_client_secret: SecretStr = Field(SecretStr(""), description="and what it proves that with")
    oidc_name: str = Field("Single sign-on", max_length=40, description="what the button for it says")
    oidc_domains: Json[list[OidcDomain]] = Field(
        default_factory=list,
        validate_default=False,
        description="domains whose verified addresses come in without an invitation, as JSON",
    )
    oidc_roles_claim: str = Field(
        "", description="the claim that has a person's groups; empty: the domain's role holds"
    )
    oidc_roles: Json[dict[str, Role]] = Field(
        default_factory=dict,
        validate_default=False,
        description="the role of each group, as JSON; the first that somebody has decides",
    )
    first_users: Json[list[FirstUser]] = Field(
        default_factory=list,
        validate_default=False,
        description="users that are made at the start where there are none of their addresses, as JSON",
    )

    @model_validator(mode="after")
    def _check_oidc(self) -> Self:
        if bool(self.oidc_issuer) != bool(self.oidc_client_id):
            raise ValueError("OIDC_ISSUER and OIDC_CLIENT_ID come together")
        if not _ISSUER.fullmatch(self.oidc_issuer):
            raise ValueError("OIDC_ISSUER must begin with https://, or lead to this machine")
        if Role.OPERATOR in self.oidc_roles.values():
            raise ValueError("OIDC_ROLES makes nobody an operator: only a domain's rule does")
        return self
