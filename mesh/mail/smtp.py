"""A mail is handed over to the operator's server, once."""

from __future__ import annotations

import ssl
from contextlib import suppress

from aiosmtplib import SMTP, SMTPException

from mesh.mail.settings import MailServer

QUIT_SECONDS = 1.0
"""How long a server may take to say goodbye; it has the message by then."""


def tls_of(server: MailServer) -> ssl.SSLContext | None:
    """Return how the server is known. Made once: it reads all the certificates that this machine trusts."""
    return None if server.security == "none" else ssl.create_default_context()


async def hand_over(
    server: MailServer, tls: ssl.SSLContext | None, content: bytes, to: str, seconds: float
) -> tuple[int, str]:
    """Hand a mail over, each step within so many seconds; return what the server answered.

    Raises SMTPException, OSError or ValueError.
    """
    client = SMTP(
        hostname=server.host,
        port=server.port,
        use_tls=server.security == "tls",
        start_tls=server.security == "starttls",
        username=server.user or None,
        password=server.password or None,
        timeout=seconds,
        tls_context=tls,
        # the machine's own name would be looked up anew for each mail
        local_hostname=server.sender.rpartition("@")[2],
    )
    try:
        await client.connect()
        await client.mail(server.sender)
        await client.rcpt(to)
        response = await client.data(content)
        with suppress(SMTPException, OSError):
            await client.quit(timeout=QUIT_SECONDS)
        return response.code, response.message
    finally:
        client.close()
