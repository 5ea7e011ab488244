"""What one person may have at once, and that what is over goes, however much it is."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from cryptography.fernet import Fernet
from pydantic import SecretStr

from console.domain import AccountError, Role, SessionKey, User
from console.storage.credentials import Credentials
from console.storage.people import MAX_SESSIONS, MOST_FORMS, MOST_OVER, Accounts
from console.storage.tickets import Tickets
from console.tables import metadata
from console.use_cases.invitations import INVITATION, LIFETIME, MAX_OPEN, Invitations
from console.use_cases.passwords import Passwords
from console.use_cases.sessions import Sessions
from mesh.storage.database import Database
from mesh.vault import Vault
from stack.stack import Ready
from tests.support.databases.lent import lent_database

NOW = datetime(2026, 11, 1, tzinfo=UTC)
HOURS = timedelta(hours=12)


class _NoKeys:
    """Nobody's session needs one here."""

    async def issue(self, user: User, mode: str, lifetime: timedelta) -> SessionKey:
        raise AssertionError

    async def end(self, api_key_id: uuid.UUID) -> bool:
        raise AssertionError


class _World:
    """Sessions and links on a database of their own, by a clock that is set."""

    def __init__(self, database: Database) -> None:
        self.now, self.accounts = NOW, Accounts()
        vault = Vault(SecretStr(Fernet.generate_key().decode()))
        self.sessions = Sessions(database, self.accounts, vault, _NoKeys(), HOURS, lambda: self.now)
        parts = (Tickets(), self.accounts, Credentials(), self.sessions, Passwords())
        self.invitations = Invitations(database, *parts, lambda: self.now)
        self.database = database

    async def person(self) -> User:
        """Add an owner."""
        user = User(
            uuid.uuid4(), f"{uuid.uuid4()}@shop.example", "", Role.OWNER.value, uuid.uuid4(), "x", None, 0, 0, None, NOW
        )
        async with self.database.session() as session:
            assert await self.accounts.add(session, user)
        return user


@asynccontextmanager
async def world(gateway: Ready) -> AsyncIterator[tuple[_World, psycopg.Connection]]:
    """Lend such a database, and a look at it."""
    with lent_database(gateway, "console_bounds", metadata) as url, psycopg.connect(url, autocommit=True) as look:
        database = Database(url, 2)
        await database.open()
        try:
            yield _World(database), look
        finally:
            await database.close()


async def test_the_newest_sessions_of_a_person_hold(gateway: Ready) -> None:
    """A script that logged in again and again filled the table for half a day, faster than it was emptied."""
    async with world(gateway) as (rooms, look):
        one, other = await rooms.person(), await rooms.person()
        await rooms.sessions.open(other, "")
        tokens = []
        for _ in range(MAX_SESSIONS + 2):
            rooms.now += timedelta(seconds=1)
            tokens.append(await rooms.sessions.open(one, ""))
        assert [bool(await rooms.sessions.resume(token)) for token in (*tokens[:3], tokens[-1])] == [
            *(False, False, True, True)
        ]
        assert look.execute("SELECT count(*) FROM sessions").fetchone() == (MAX_SESSIONS + 1,)


async def test_what_is_over_goes_on_being_forgotten_until_it_is_gone(gateway: Ready) -> None:
    async with world(gateway) as (rooms, look):
        one = await rooms.person()
        fill = (
            "INSERT INTO sessions (token_sha256, user_id, mode, user_agent, create_time, expire_time)"
            " SELECT decode(md5(n::text), 'hex'), %s, 'test', '', %s, %s FROM generate_series(1, %s) n"
        )
        look.execute(fill, [one.user_id, NOW - HOURS, NOW, 2 * MOST_OVER + 1])
        assert [await rooms.sessions.sweep() for _ in range(3)] == [True, True, False]
        assert look.execute("SELECT count(*) FROM sessions").fetchone() == (0,)


async def test_the_forms_of_a_session_go_in_parts(gateway: Ready) -> None:
    """By one statement millions would take longer than it is waited for, and so stay for good."""
    async with world(gateway) as (rooms, look):
        one = await rooms.person()
        token = await rooms.sessions.open(one, "")
        fill = (
            "INSERT INTO attempts SELECT token_sha256, decode(md5(n::text), 'hex')"
            " FROM sessions, generate_series(1, %s) n WHERE user_id = %s"
        )
        look.execute(fill, [2 * MOST_FORMS + 1, one.user_id])
        deleted = "CREATE TABLE deleted (forms int)"
        count = (
            "CREATE FUNCTION counted() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN INSERT INTO deleted SELECT count(*) FROM gone; RETURN NULL; END $$"
        )
        on = (
            "CREATE TRIGGER counts AFTER DELETE ON attempts REFERENCING OLD TABLE AS gone"
            " FOR EACH STATEMENT EXECUTE FUNCTION counted()"
        )
        for text in (deleted, count, on):
            look.execute(text)
        await rooms.sessions.close(token)
        assert look.execute("SELECT count(*) FROM attempts").fetchone() == (0,)
        parts = look.execute("SELECT forms FROM deleted WHERE forms > 0").fetchall()
        assert sorted(parts) == [(1,), (MOST_FORMS,), (MOST_FORMS,)]


async def test_so_many_links_of_a_merchant_are_open_and_those_that_are_over_go(gateway: Ready) -> None:
    """An owner could make links without end, and none was ever forgotten."""
    async with world(gateway) as (rooms, look):
        one, other = await rooms.person(), await rooms.person()

        async def invite(by: User, email: str) -> str:
            return await rooms.invitations.invite(by, email, "", Role.VIEWER.value, by.merchant_id)

        addresses = [f"{secrets.token_hex(8)}@shop.example" for _ in range(MAX_OPEN)]
        for address in addresses:
            await invite(one, address)
        with pytest.raises(AccountError, match="Withdraw some"):
            await invite(one, "one-more@shop.example")
        # another one for somebody takes the place of the first, and others have places of their own
        await invite(one, addresses[0])
        await invite(other, "one-more@shop.example")
        await rooms.invitations.withdraw(one, addresses[0], one.merchant_id)
        await invite(one, "one-more@shop.example")
        rooms.now += LIFETIME[INVITATION]
        await invite(one, "later@shop.example")
        kept = "SELECT count(*) FROM links WHERE merchant_id = %s"
        assert look.execute(kept, [one.merchant_id]).fetchone() == (1,)
