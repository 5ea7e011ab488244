"""The way to the mail server: encrypted where it should be, and never in plain text instead."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mesh.mail.settings import MailServer
from notify_svc.channels import email_messages as emails
from notify_svc.channels.email import Mailer
from notify_svc.domain.delivery import Attempt
from stack.stack import Ready
from tests.support.net.mail import PostOffice, post_office, token_of
from tests.support.waiting import PATIENCE

SENDER = "events@gateway.example"
TO = "till@shop.example"


@pytest.fixture
def identity(gateway: Ready, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """A certificate for localhost, by a CA that this process trusts."""
    folder = Path(gateway.ca_file).parent / "public"
    monkeypatch.setenv("SSL_CERT_FILE", gateway.ca_file)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return context


async def sent(office: PostOffice, *, host: str = "localhost", password: str = "open") -> Attempt:
    server = MailServer(host, office.port, "starttls", "events", password, SENDER)
    mail = emails.confirmation_mail(TO, "token", "EN", SENDER, datetime.now(UTC), "1")
    return await Mailer(server, timeout=PATIENCE, connections=1).send(mail, TO)


async def test_mail_goes_by_starttls_under_a_password(identity: ssl.SSLContext) -> None:
    async with post_office("open", identity) as office:
        assert (await sent(office)).succeeded
        assert office.encrypted == [True]
        assert token_of(office.mails[0]) == "token"


async def test_wrong_password_is_the_servers_answer_and_no_end_of_a_mailbox(identity: ssl.SSLContext) -> None:
    async with post_office("open", identity) as office:
        attempt = await sent(office, password="wrong")
        assert (attempt.status, attempt.gone, office.mails) == (535, False, [])
        assert "wrong" not in attempt.answer


async def test_server_without_tls_or_with_anothers_certificate_gets_nothing(identity: ssl.SSLContext) -> None:
    async with post_office() as plain, post_office("open", identity) as other:
        for office, host in ((plain, "localhost"), (other, "127.0.0.2")):
            attempt = await sent(office, host=host)
            assert (attempt.status, office.mails) == (0, [])
