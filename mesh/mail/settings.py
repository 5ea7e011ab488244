"""The operator's mail server, as the services that send mail are told of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, SecretStr, model_validator

from mesh.mail.addresses import check_address
from mesh.settings import ServiceSettings

SMTP_PORTS = {"starttls": 587, "tls": 465, "none": 25}


@dataclass(frozen=True, slots=True)
class MailServer:
    """The operator's mail server, and how it is spoken to."""

    host: str
    port: int
    security: Literal["starttls", "tls", "none"]
    user: str
    password: str = field(repr=False)
    sender: str
    """The address that mails come from."""


def _is_address(value: str) -> str:
    return check_address(value) if value else ""


class MailSettings(ServiceSettings):
    """What a service that sends mail needs to know beside what all services do."""

    smtp_host: str = Field("", description="mail server that takes e-mail over; empty: no e-mail")
    smtp_port: int = Field(0, ge=0, le=65535, description="its port; 0: 587, 465 or 25, by its security")
    smtp_security: Literal["starttls", "tls", "none"] = Field(
        "starttls", description="starttls: plain first, never without; tls: from the first byte; none: for development"
    )
    smtp_user: str = Field("", description="user at the mail server; empty: it asks for none")
    smtp_password: SecretStr = Field(SecretStr(""), description="password at the mail server")
    smtp_sender: Annotated[str, AfterValidator(_is_address)] = Field("", description="address that mails come from")

    @property
    def mail_server(self) -> MailServer | None:
        """The mail server; None when e-mail is off."""
        if not self.smtp_host:
            return None
        return MailServer(
            host=self.smtp_host,
            port=self.smtp_port or SMTP_PORTS[self.smtp_security],
            security=self.smtp_security,
            user=self.smtp_user,
            password=self.smtp_password.get_secret_value(),
            sender=self.smtp_sender,
        )

    @model_validator(mode="after")
    def _check_sender(self) -> Self:
        if self.smtp_host and not self.smtp_sender:
            raise ValueError("SMTP_HOST and SMTP_SENDER come together")
        return self
