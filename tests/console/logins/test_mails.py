"""Links that let somebody in go by mail, where the operator has a mail server; then nobody else is shown them."""

from __future__ import annotations

import asyncio
import re
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import httpx
import pytest

from console.api.people import hand_out
from console.api.web import Visit
from console.clients.post import TIMEOUT_SECONDS, Post, letter
from console.domain import AccountError, Ticket, User
from console.storage.credentials import Credentials
from console.storage.people import Accounts
from console.storage.tickets import Tickets
from console.tables import metadata
from console.use_cases.invitations import MAX_MAILS, Invitations
from mesh.ids import Clock, new_id
from mesh.mail.settings import MailServer
from mesh.storage.database import Database
from stack.stack import Ready
from tests.support.console import Console
from tests.support.databases.lent import lent_database
from tests.support.merchant.api import Merchant
from tests.support.net.mail import PostOffice, post_office, text_of
from tests.support.stack.edges import Edges, edges_of

SENDER = "console@gateway.example"
LINK = re.compile(r"^(http\S+/join\?token=\S+)$", re.MULTILINE)
NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)


@pytest.fixture
async def office() -> AsyncIterator[PostOffice]:
    """A mail server."""
    async with post_office() as office:
        yield office


@pytest.fixture
def edges(gateway: Ready, tmp_path: Path) -> Iterator[Edges]:
    """What starts a console."""
    with edges_of(gateway, tmp_path) as edges:
        yield edges


def link_in(office: PostOffice) -> str:
    """Return the link of the newest mail."""
    found = LINK.search(text_of(office.mails[-1]).replace("\r\n", "\n"))
    assert found, text_of(office.mails[-1])
    return found.group(1)


async def test_an_invitation_and_a_reset_come_by_mail_alone(
    edges: Edges, office: PostOffice, merchant: Merchant
) -> None:
    settings = {"SMTP_HOST": "127.0.0.1", "SMTP_PORT": str(office.port), "SMTP_SECURITY": "none", "SMTP_SENDER": SENDER}
    console = Console(edges.console(**settings))

    # the mail server is in this thread's loop
    def run() -> None:
        email = f"{uuid.uuid4().hex}@shop.example"
        answer = console.operator.post(f"/platform/merchants/{merchant.merchant_id}/users", email=email)
        assert "A mail is on its way" in answer.text
        # who made the link cannot come by it
        assert "token=" not in answer.text
        mail = office.mails[-1]
        assert (mail["to"], office.recipients[-1]) == (email, email)
        assert "as owner" in text_of(mail)
        password = console.joined(link := link_in(office))
        assert console.browser().join(link, password).status_code == httpx.codes.NOT_FOUND
        owner = console.logged_in(email, password)
        other = f"{uuid.uuid4().hex}@shop.example"
        assert "token=" not in owner.post("/users", email=other, role="viewer").text
        console.joined(link_in(office))
        row = next(part for part in owner.page("/users").split("<tr>") if other in part)
        (user_id,) = set(re.findall(r"/users/([\w-]{36})", row))
        assert "token=" not in owner.post(f"/users/{user_id}", verb="reset").text
        assert "tell " + email in text_of(office.mails[-1]).replace("\r\n", " ")
        console.joined(link_in(office))
        # what the server does not take leaves no link behind
        office.to_recipient = "550 no such mailbox"
        answer = owner.post("/users", email="gone@shop.example", role="viewer")
        assert answer.status_code == httpx.codes.BAD_REQUEST
        assert "did not take the mail" in answer.text
        assert "gone@shop.example" not in owner.page("/users")
        count = len(office.mails)
        for odd in ("a@b", "a b@shop.example", '"><img/src=x>@shop.example'):
            assert owner.post("/users", email=odd, role="viewer").status_code == httpx.codes.BAD_REQUEST
        assert len(office.mails) == count
        console.close()

    await asyncio.to_thread(run)


def maker() -> User:
    """Return somebody who invites."""
    return User(
        new_id(), "owner@shop.example", "Click here: evil.example", "owner", new_id(), "", None, 0, 0, None, NOW
    )


def ticket(email: str = "kim@shop.example") -> Ticket:
    """Return an invitation."""
    return Ticket(b"", "invitation", email, "", "viewer", new_id(), new_id(), NOW, NOW + timedelta(days=7))


def test_a_mail_carries_nothing_that_a_merchants_people_have_written() -> None:
    mail = letter(maker(), ticket(), ("Shoes Ltd", "https://pay.example/console/join?token=x"), SENDER, NOW)
    assert "evil.example" not in str(mail)
    assert mail["auto-submitted"] == "auto-generated"
    # the link is in one piece, however long its line
    assert "\nhttps://pay.example/console/join?token=x\n" in mail.as_bytes().decode().replace("\r\n", "\n")


async def test_nobody_sends_mails_without_end_by_however_many_replicas(gateway: Ready) -> None:
    moments = [NOW]
    by, other = maker(), replace(maker(), email="other@shop.example")
    with lent_database(gateway, "console", metadata) as url:
        async with AsyncExitStack() as opened:
            databases = [Database(url, 4) for _ in range(2)]
            for database in databases:
                opened.push_async_callback(database.close)
                await database.open()
            async with databases[0].session() as session:
                for person in (by, other):
                    assert await Accounts().add(session, person)
            # a process that has just begun counts on as one that was there before
            replicas = [invitations_of(database, lambda: moments[-1]) for database in databases]
            sent = [replicas[number % 2].count_mail(by) for number in range(MAX_MAILS + 10)]
            refused = [one for one in await asyncio.gather(*sent, return_exceptions=True) if one]
            assert [str(one) for one in refused] == ["You have sent 50 mails today. Go on tomorrow."] * 10
            await replicas[0].count_mail(other)
            moments.append(NOW + timedelta(days=1))
            await replicas[1].count_mail(by)


def invitations_of(database: Database, clock: Clock) -> Invitations:
    """Return what counts mails, at a replica of the console."""
    nobody: Any = None
    return Invitations(database, Tickets(), Accounts(), Credentials(), nobody, nobody, clock)


async def test_a_server_that_is_away_is_said(office: PostOffice) -> None:
    post = Post(MailServer("127.0.0.1", 9, "none", "", "", SENDER), lambda: NOW)
    with pytest.raises(AccountError, match="did not take"):
        await post.send(maker(), ticket(), "Shoes Ltd", "https://pay.example/console/join?token=x")
    assert not Post(None).is_on


async def test_a_mail_server_that_dawdles_does_not_outlast_the_page(office: PostOffice) -> None:
    office.released.clear()
    post = Post(MailServer("127.0.0.1", office.port, "none", "", "", SENDER), lambda: NOW, whole_seconds=0.3)
    # sooner than one step alone may take
    async with asyncio.timeout(TIMEOUT_SECONDS / 2):
        with pytest.raises(AccountError, match="did not take"):
            await post.send(maker(), ticket(), "Shoes Ltd", "https://pay.example/console/join?token=x")
    office.released.set()


class Desk:
    """A page whose mails are not taken over, or whose visitor goes while one is sent."""

    def __init__(self, error: BaseException) -> None:
        self.error = error
        self.given_up: list[Ticket] = []
        self.ticket = replace(ticket(), merchant_id=None)
        self.rooms = SimpleNamespace(invitations=self, post=self, public_url="https://pay.example")
        self.person, self.is_on = maker(), True

    async def find(self, _token: str) -> Ticket:
        return self.ticket

    def check(self, _ticket: Ticket) -> None:
        """Take any address."""

    async def count_mail(self, _by: User) -> None:
        """Count nothing."""

    async def send(self, *_: object) -> None:
        raise self.error

    async def give_up(self, ticket: Ticket) -> None:
        self.given_up.append(ticket)


@pytest.mark.parametrize("error", [AccountError("email", "no"), asyncio.CancelledError()])
async def test_the_link_that_was_not_mailed_is_withdrawn_and_no_other(error: BaseException) -> None:
    desk = Desk(error)
    with pytest.raises(type(error)):
        await hand_out(cast("Visit", desk), "token")
    assert desk.given_up == [desk.ticket]
