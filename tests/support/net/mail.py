"""A mail server of the test's own: it takes mails over, or refuses them as it is told."""

from __future__ import annotations

import asyncio
import email
import re
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email.message import EmailMessage
from email.policy import default

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from tests.support.waiting import come_true

OK = "250 OK"
_TOKEN = re.compile(r"^(?:Token): (\S+)$", re.MULTILINE)


class PostOffice:
    """An SMTP server and the mails that it took over."""

    def __init__(self) -> None:
        self.port = 0
        self.mails: list[EmailMessage] = []
        self.recipients: list[str] = []
        """Whom each was for, as the envelope says."""
        self.to_recipient = OK
        """What it answers to the name of a recipient."""
        self.to_mail = OK
        """What it answers to a whole mail."""
        self.open = 0
        self.most_open = 0
        self.released = asyncio.Event()
        self.released.set()
        self.encrypted: list[bool] = []
        """Whether each mail came by TLS."""

    async def handle_RCPT(  # noqa: N802  # aiosmtpd's interface
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Take a recipient, or refuse it."""
        if self.to_recipient == OK:
            envelope.rcpt_tos.append(address)
            envelope.rcpt_options.extend(options)
        return self.to_recipient

    async def handle_DATA(self, _server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Take a mail over, or refuse it, as soon as it is released."""
        self.open += 1
        self.most_open = max(self.most_open, self.open)
        try:
            await self.released.wait()
        finally:
            self.open -= 1
        if self.to_mail == OK:
            content = envelope.content
            assert isinstance(content, bytes)
            message = email.message_from_bytes(content, policy=default)
            assert isinstance(message, EmailMessage)
            self.recipients.extend(envelope.rcpt_tos)
            self.encrypted.append(session.ssl is not None)
            self.mails.append(message)
        return self.to_mail

    async def mail(self, number: int) -> EmailMessage:
        """Wait for the mail of a number, from 1 on."""
        return (await come_true(lambda: self.mails if len(self.mails) >= number else [], f"mail {number}"))[number - 1]


def text_of(mail: EmailMessage, kind: str = "plain") -> str:
    """Return what a mail says, as text or as HTML."""
    part = mail.get_body((kind,))
    assert part
    return str(part.get_content())


def token_of(mail: EmailMessage) -> str:
    """Return the token that a mail asks to be confirmed with."""
    found = _TOKEN.search(text_of(mail).replace("\r\n", "\n"))
    assert found
    return found.group(1)


@asynccontextmanager
async def post_office(password: str = "", tls: ssl.SSLContext | None = None) -> AsyncIterator[PostOffice]:
    """Run a mail server on a port of its own; with `tls` it speaks STARTTLS, and asks `events` for the password."""
    office = PostOffice()

    def is_right(*asked: object) -> AuthResult:
        login = asked[-1]
        right = isinstance(login, LoginPassword) and login == LoginPassword(b"events", password.encode())
        return AuthResult(success=right, handled=right)

    def connection() -> SMTP:
        if tls is None:
            return SMTP(office, hostname="mail.test")
        return SMTP(
            office,
            hostname="mail.test",
            tls_context=tls,
            require_starttls=True,
            auth_required=True,
            authenticator=is_right,
        )

    loop = asyncio.get_running_loop()
    server = await loop.create_server(connection, "127.0.0.1", 0)
    office.port = server.sockets[0].getsockname()[1]
    yield office
    office.released.set()
    server.close()
