"""Mails with links that let somebody in, where the operator has a mail server."""

from __future__ import annotations

import asyncio
import ssl
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, make_msgid

from console.domain import AccountError, Ticket, User
from mesh.ids import Clock, utc_now
from mesh.mail.addresses import AddressRefusedError, check_address
from mesh.mail.settings import MailServer
from mesh.telemetry import get_logger

log = get_logger(__name__)
TIMEOUT_SECONDS = 10.0
"""For each step of handing a mail over."""
WHOLE_SECONDS = 20.0
"""For all steps together: a page waits for it."""
_POLICY = SMTP.clone(cte_type="7bit", max_line_length=500)
_INVITED = """{by} has invited you to the FusionXPay console, to work for {place} as {role}.

Open this address and choose a password. It lets in once, until {until} UTC:

{link}

If you expect no invitation, do nothing: without you it comes to nothing.
"""
_RESET = """{by} has let you choose a new password for the FusionXPay console, for {place}.

Open this address. It lets in once, until {until} UTC, and until then your password stays what it is:

{link}

If you have not asked for it, do nothing, and tell {by}.
"""


class Post:
    """Hands mails over, or is off: then links are shown to who made them."""

    def __init__(self, server: MailServer | None, clock: Clock = utc_now, whole_seconds: float = WHOLE_SECONDS) -> None:
        self._server = server
        self._seconds = whole_seconds
        self._clock = clock
        self._tls: ssl.SSLContext | None = None

    @property
    def is_on(self) -> bool:
        """Whether links go by mail, and are shown to nobody."""
        return self._server is not None

    def check(self, ticket: Ticket) -> None:
        """Raise AccountError for an address that no mail can go to."""
        try:
            check_address(ticket.email)
        except AddressRefusedError as error:
            raise AccountError("email", f"The address {error}.") from None

    async def send(self, by: User, ticket: Ticket, place: str, link: str) -> None:
        """Mail a link to whom it is for. Raises AccountError when the server does not take it."""
        # loaded by who sends mail only
        from aiosmtplib import SMTPException

        from mesh.mail.smtp import hand_over, tls_of

        assert self._server
        self._tls = self._tls or tls_of(self._server)
        message = letter(by, ticket, (place, link), self._server.sender, self._clock())
        try:
            async with asyncio.timeout(self._seconds):
                await hand_over(self._server, self._tls, message.as_bytes(), ticket.email, TIMEOUT_SECONDS)
        except (SMTPException, OSError, ValueError) as error:  # a time-out is an OSError
            log.warning("a link was not mailed", error=str(error))
            raise AccountError("email", "The mail server did not take the mail, so the link was withdrawn.") from None


def letter(by: User, ticket: Ticket, where: tuple[str, str], sender: str, now: datetime) -> EmailMessage:
    """Return the mail with a link. Of what people have written it has addresses alone, and the place's name."""
    place, link = where
    is_new = ticket.kind == "invitation"
    message = EmailMessage(policy=_POLICY)
    message["From"] = Address("FusionXPay", addr_spec=sender)
    message["To"] = Address(addr_spec=ticket.email)
    message["Subject"] = "Your invitation to FusionXPay" if is_new else "A new password for FusionXPay"
    message["Date"] = format_datetime(now)
    message["Message-ID"] = make_msgid(domain=sender.rpartition("@")[2])
    # RFC 3834: no vacation notice comes back
    message["Auto-Submitted"] = "auto-generated"
    words = (_INVITED if is_new else _RESET).format(
        by=by.email, place=place, role=ticket.role, until=f"{ticket.expire_time:%d %b %Y, %H:%M}", link=link
    )
    message.set_content(words)
    return message
