"""Mail by SMTP: the operator's server takes each message over, or says why not."""

from __future__ import annotations

import asyncio
import time
from datetime import datetime
from email.message import EmailMessage

from aiosmtplib import SMTPException, SMTPRecipientRefused, SMTPResponseException

from mesh.mail.settings import MailServer
from mesh.mail.smtp import hand_over, tls_of
from notify_svc.channels import email_messages as emails
from notify_svc.channels import failures
from notify_svc.channels.webhook import KEPT
from notify_svc.domain.delivery import Attempt, Delivery, NoAnswer

AUTHENTICATION_REQUIRED = 530
POLICY = "5.7."
"""How a server begins (RFC 3463) when it is the sender that it does not want, not that the mailbox is gone."""


class Mailer:
    """Hands mails over: at most `connections` at once, each within `timeout` seconds with its wait for a place."""

    def __init__(self, server: MailServer, *, timeout: float, connections: int) -> None:
        self.sender = server.sender
        self._server = server
        self._tls = tls_of(server)
        self._timeout = timeout
        self._places = asyncio.Semaphore(connections)

    async def send(self, message: EmailMessage, to: str) -> Attempt:
        """Hand a mail over once. Whatever the server does, the answer is an attempt, never an exception."""
        started = time.perf_counter()
        gone = False
        try:
            async with asyncio.timeout(self._timeout), self._places:
                status, answer = await hand_over(self._server, self._tls, message.as_bytes(), to, self._timeout)
        except SMTPResponseException as error:
            status, answer = error.code, error.message
            gone = isinstance(error, SMTPRecipientRefused) and _is_gone(status, answer)
        except (SMTPException, OSError, ValueError) as error:  # a time-out is an OSError
            status, answer = 0, failures.words(error)
        return Attempt(status, (time.perf_counter() - started) * 1000, answer.replace("\x00", "")[:KEPT], gone=gone)


def _is_gone(code: int, answer: str) -> bool:
    """Whether a server that refused a recipient said that the mailbox is no more (RFC 5321, section 4.2.1)."""
    return 500 <= code < 600 and code != AUTHENTICATION_REQUIRED and not answer.lstrip().startswith(POLICY)


class EmailChannel:
    """The channel of mailboxes; `mailer` is None when the operator has no mail server."""

    def __init__(self, mailer: Mailer | None) -> None:
        self._mailer = mailer

    async def attempt(self, delivery: Delivery, now: datetime) -> Attempt:
        """Mail the event once."""
        if self._mailer is None:
            return Attempt(0, 0.0, f"{NoAnswer.NOT_CONFIGURED}: this gateway sends no mail")
        return await self._mailer.send(emails.event_mail(delivery, self._mailer.sender, now), delivery.destination)
