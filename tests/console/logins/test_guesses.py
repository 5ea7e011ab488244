"""A login of one's own with somebody's address is no way to guess that person's password."""

from __future__ import annotations

import uuid
from contextlib import ExitStack
from datetime import timedelta
from uuid import UUID

import pytest
from cryptography.fernet import Fernet
from pydantic import SecretStr

from console.domain import MAX_FAILURES, MAX_FORGIVEN, AccountError, SessionKey, User, networks_of
from console.storage.people import Accounts as Store
from console.storage.tickets import Tickets
from console.use_cases.accounts import Accounts
from console.use_cases.passwords import MAX_OF_NETWORK, MAX_WAITING, Passwords
from console.use_cases.sessions import Sessions
from mesh.storage.database import Database
from mesh.vault import Vault
from stack.stack import Ready
from tests.support.console import QUICK
from tests.support.stack.counting import counting

RIGHT = "correct horse battery staple"


class _NoKeys:
    """Nobody's session begins here."""

    async def issue(self, user: User, mode: str, lifetime: timedelta) -> SessionKey:
        raise AssertionError

    async def end(self, api_key_id: UUID) -> bool:
        raise AssertionError


class _Looked(Passwords):
    """Knows how often a hash was looked at. A look takes no time: hundreds are counted here."""

    def __init__(self) -> None:
        super().__init__()
        self._hasher, self._nobody = QUICK, QUICK.hash("nobody's")
        self.at: list[str | None] = []

    async def verify(self, hashed: str | None, password: str) -> bool:
        self.at.append(hashed)
        return await super().verify(hashed, password)


class _Address:
    """An address with the login of a person, and one of somebody else, at another merchant."""

    def __init__(self, database: Database) -> None:
        self._database, self._store, self.passwords = database, Store(), _Looked()
        vault = Vault(SecretStr(Fernet.generate_key().decode()))
        sessions = Sessions(database, self._store, vault, _NoKeys(), timedelta(hours=1))
        self.accounts = Accounts(database, self._store, Tickets(), vault, sessions, self.passwords)
        self.email = f"{uuid.uuid4().hex}@example.com"
        self.person = self.other = uuid.uuid4()

    async def add(self) -> None:
        self.person, self.other = [await self._add() for _ in range(2)]

    async def _add(self) -> UUID:
        merchant_id = uuid.uuid4()
        await self.accounts.add(self.email, "", RIGHT, "owner", merchant_id)
        (user,) = await self.accounts.users(merchant_id)
        return user.user_id

    async def user(self, user_id: UUID) -> User:
        async with self._database.session() as session:
            user = await self._store.by_id(session, user_id)
        assert user
        return user

    async def guess(self, password: str) -> UUID:
        """Make a guess the password of the other login, and log in with it."""
        hashed = await self.passwords.hash(password)
        async with self._database.session() as session:
            await self._store.set_password(session, self.other, hashed)
        self.passwords.at.clear()
        return (await self.accounts.check(self.email, password, "")).user_id


async def test_who_has_a_login_with_the_address_guesses_no_more_for_that(gateway: Ready) -> None:
    async with counting(gateway.database_urls["console"]) as database:
        address = _Address(database)
        await address.add()
        hashed = (await address.user(address.person)).password_hash
        looked_at = 0
        for number in range(MAX_FORGIVEN + 3):
            assert await address.guess(f"a long guess {number}") == address.other
            assert len(address.passwords.at) >= 2, "it takes as long"
            looked_at += hashed in address.passwords.at
        assert looked_at == MAX_FORGIVEN
        # nor is it told that this is the one
        assert await address.guess(RIGHT) == address.other
        await address.guess("a long guess")
        # nothing of that locks the person out, whose next login may be held against again
        assert (await address.accounts.check(address.email, RIGHT, "")).user_id == address.person
        await address.guess("another long guess")
        assert hashed in address.passwords.at


async def test_guesses_that_open_nothing_count_on_who_was_forgiven_before(gateway: Ready) -> None:
    async with counting(gateway.database_urls["console"]) as database:
        address = _Address(database)
        await address.add()
        for number in range(MAX_FORGIVEN):
            await address.guess(f"a long guess {number}")
        for number in range(MAX_FAILURES):
            with pytest.raises(AccountError):
                await address.accounts.check(address.email, f"a wrong guess {number}", "")
        assert (await address.user(address.person)).locked_until
        with pytest.raises(AccountError):
            await address.accounts.check(address.email, RIGHT, "")


async def test_who_finds_no_place_to_wait_has_tried_nothing_and_other_networks_are_let_in(gateway: Ready) -> None:
    async with counting(gateway.database_urls["console"]) as database:
        address = _Address(database)
        await address.add()
        here, elsewhere = networks_of("2001:db8:0:1::7"), networks_of("198.51.100.7")
        with ExitStack() as crowd:
            for number in range(MAX_OF_NETWORK[1]):
                # a site has many networks, of whom each has a few places
                crowd.enter_context(address.passwords.place(networks_of(f"2001:db8:0:{2 + number // 2}::{number}")))
            for _ in range(3 * MAX_FAILURES):
                with pytest.raises(AccountError, match="Too many people"):
                    await address.accounts.check(address.email, RIGHT, "", address.person, here)
            assert not address.passwords.at
            # nothing was counted that locks the person out
            found = await address.accounts.check(address.email, RIGHT, "", address.person, elsewhere)
        assert found.user_id == address.person
        assert (await address.accounts.check(address.email, RIGHT, "", address.person, here)).failures == 1


async def test_who_is_logged_in_finds_a_place_however_many_strangers_wait(gateway: Ready) -> None:
    async with counting(gateway.database_urls["console"]) as database:
        address = _Address(database)
        await address.add()
        person = await address.user(address.person)
        with ExitStack() as crowd:
            for number in range(MAX_WAITING):
                crowd.enter_context(address.passwords.place(networks_of(f"2001:{number:x}::1")))
            with pytest.raises(AccountError, match="Too many people"):
                await address.accounts.check(address.email, RIGHT, "", networks=networks_of("198.51.100.7"))
            await address.accounts.confirm(person, RIGHT, "password")
