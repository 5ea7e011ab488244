"""People: who somebody is, and what they may change about themselves and others."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from datetime import timedelta
from uuid import UUID

import pyotp

from console.domain import MAX_FORGIVEN, AccountError, User, lock_after, normalized
from console.domain import Session as Login
from console.storage.people import Accounts as Store
from console.storage.tickets import Tickets
from console.use_cases.passwords import Passwords
from console.use_cases.sessions import Sessions
from mesh.ids import Clock, new_id, utc_now
from mesh.storage.database import Database, Session
from mesh.vault import Vault

_STEP_SECONDS = 30
_ADDRESS = re.compile(r"[^@\s\x00-\x1f\x7f]+@[^@\s\x00-\x1f\x7f]+")


ALIKE = 2
"""Addresses of so many logins, or fewer, take as long to check: how many there are is not told by the time."""


class SeveralLoginsError(Exception):
    """One address and password open the logins of several merchants; `users` are those."""

    def __init__(self, users: Sequence[User]) -> None:
        super().__init__("several logins")
        self.users = users


class Accounts:
    """Users and how they prove who they are."""

    def __init__(
        self,
        database: Database,
        store: Store,
        tickets: Tickets,
        vault: Vault,
        sessions: Sessions,
        passwords: Passwords,
        clock: Clock = utc_now,
    ) -> None:
        self._database = database
        self._store = store
        self._tickets = tickets
        self._vault = vault
        self._sessions = sessions
        self._passwords = passwords
        self._clock = clock

    async def add(self, email: str, display_name: str, password: str, role: str, merchant_id: UUID | None) -> bool:
        """Add a user; return False when somebody of the merchant has the address.

        Raises AccountError for a password that is short.
        """
        address, now = address_of(email), self._clock()
        async with self._database.session() as session:
            if await self._store.at_merchant(session, address, merchant_id):
                return False
        hashed = await self._passwords.hash(password)
        user = User(new_id(), address, display_name, role, merchant_id, hashed, None, 0, 0, None, now)
        async with self._database.session() as session:
            return await self._store.add(session, user)

    async def check(
        self, email: str, password: str, code: str, chosen: UUID | None = None, networks: Sequence[str] = ()
    ) -> User:
        """Return whom address, password and code belong to; who asks is in these networks.

        An address may be a login at several merchants; `chosen` is the user meant where one password opens several.
        Raises AccountError, or SeveralLoginsError. Whether an address is known, locked or has another password is not
        told apart.
        """
        # before it is counted: who is sent away has tried nothing
        with self._passwords.place(networks):
            async with self._database.session() as session:
                known = await self._store.by_email(session, normalized(email))
            opened = await self._opened(known, password)
        if not opened:
            raise AccountError("password", "Address or password is not right.")
        user = next((one for one in opened if one.user_id == chosen), opened[0])
        await self._uncount([one for one in opened if one is not user])
        if len(opened) > 1 and user.user_id != chosen:
            await self._uncount([user])
            raise SeveralLoginsError(opened)
        if user.totp_secret:
            if not code:
                # the password was right, and nothing was guessed
                await self._uncount([user])
                raise AccountError("code", "Enter the code that your authenticator shows.")
            if not await self._takes_code(user, user.totp_secret, code):
                raise AccountError("code", "This code is not right, or was used before.")
        elif await self._has_passkey(user):
            # as above: a second factor that somebody has set up is never left out
            await self._uncount([user])
            raise AccountError("passkey", "Your password is right. Log in with your passkey now, by the button below.")
        await self._succeeded(user)
        return user

    async def confirm(self, user: User, password: str, field: str) -> None:
        """Have somebody who is logged in say their password again. Raises AccountError; attempts are counted."""
        with self._passwords.place_of(str(user.user_id), field):
            confirmed = await self._attempt(user, password)
        if confirmed is None:
            raise AccountError(field, "This is not your password, or there were too many wrong ones.")
        await self._succeeded(user)

    async def change_password(self, user: User, old: str, new: str) -> None:
        """Replace a password and end all sessions. Raises AccountError."""
        await self.confirm(user, old, "old")
        with self._passwords.place_of(str(user.user_id), "old"):
            hashed = await self._passwords.hash(new)
        async with self._database.session() as session, session.begin():
            await self._store.set_password(session, user.user_id, hashed)
            ended = await self._store.close_all(session, user.user_id, self._clock())
        await self._sessions.bury(ended)

    async def enrol(self, login: tuple[User, Login], password: str, secret: str, code: str) -> None:
        """Have a second factor asked for from now on; the user's other sessions end. Raises AccountError.

        The code that shows that the secret was taken over is used up by that.
        """
        user, here = login
        await self.confirm(user, password, "password")
        step = self._step(secret, code)
        if step is None:
            raise AccountError("code", "This code is not of the secret that is shown.")
        sealed = self._vault.seal(secret.encode(), _totp_owner(user))
        async with self._database.session() as session, session.begin():
            await self._store.set_totp(session, user.user_id, sealed, step)
            ended = await self._store.close_all(session, user.user_id, self._clock(), here.token_sha256)
        await self._sessions.bury(ended)

    async def drop_totp(self, user: User, password: str) -> None:
        """Ask for no second factor any more. Raises AccountError."""
        await self.confirm(user, password, "password")
        async with self._database.session() as session:
            await self._store.set_totp(session, user.user_id, None, 0)

    async def users(self, merchant_id: UUID | None) -> list[User]:
        """Return a merchant's users; None: the operators."""
        async with self._database.session() as session:
            return await self._store.of_merchant(session, merchant_id)

    async def names(self, user_ids: Collection[UUID]) -> dict[UUID, str]:
        """Return the addresses of people, whoever's they are; those that are known."""
        async with self._database.session() as session:
            found = [await self._store.by_id(session, one) for one in user_ids]
        return {user.user_id: user.email for user in found if user}

    async def change(self, by: User, user_id: UUID, *, role: str = "", enabled: bool | None = None) -> None:
        """Give a user of the same merchant another role, or disable or enable it; its sessions and links end.

        Raises AccountError for nobody of this merchant, and for oneself.
        """
        async with self._database.session() as session, session.begin():
            await self._colleague(session, by, user_id)
            if role:
                await self._store.set_role(session, user_id, role)
            if enabled is not None:
                await self._store.set_disabled(session, user_id, None if enabled else self._clock())
            await self._tickets.withdraw_all_by(session, user_id)
            ended = await self._store.close_all(session, user_id, self._clock())
        await self._sessions.bury(ended)

    async def regrade(self, user: User, role: str) -> None:
        """Give somebody the role that a rule says; their sessions and links end."""
        async with self._database.session() as session, session.begin():
            await self._store.set_role(session, user.user_id, role)
            await self._tickets.withdraw_all_by(session, user.user_id)
            ended = await self._store.close_all(session, user.user_id, self._clock())
        await self._sessions.bury(ended)

    async def _has_passkey(self, user: User) -> bool:
        async with self._database.session() as session:
            return await self._store.has_passkey(session, user.user_id)

    async def _colleague(self, session: Session, by: User, user_id: UUID) -> User:
        user = await self._store.by_id(session, user_id)
        if user is None or user.merchant_id != by.merchant_id:
            raise AccountError("user", "There is no such user.")
        if user.user_id == by.user_id:
            raise AccountError("user", "Nobody does this to themselves.")
        return user

    async def _opened(self, known: Sequence[User], password: str) -> list[User]:
        """Return the users of an address whom a password opens, with the attempt counted.

        A password of one is a wrong one of the others, which is forgiven so often only: anybody may have a login of an
        address, and choose its password. Who was forgiven so often is looked at when nobody else is opened, and
        counted. One login takes as long as two or none.
        """
        opened: list[User] = []
        missed: list[User] = []
        left = ALIKE
        for is_worn in (False, True):
            for one in () if opened and is_worn else known:
                if (one.forgiven >= MAX_FORGIVEN) is not is_worn:
                    continue
                left -= 1
                user = await self._count(one)
                is_right = await self._passwords.verify(one.password_hash, password)
                if user:
                    (opened if is_right else missed).append(user)
        for _ in range(left):
            await self._passwords.verify(None, password)
        if opened:
            await self._forgive(missed)
        return opened

    async def _attempt(self, known: User, password: str) -> User | None:
        """Return the user when a password is right, and no attempts are refused."""
        user = await self._count(known)
        is_right = await self._passwords.verify(known.password_hash, password)
        return user if is_right else None

    async def _count(self, known: User) -> User | None:
        """Count an attempt before it is looked at, so that only so many are, however many come; None: it is refused."""
        now = self._clock()
        async with self._database.session() as session:
            user = await self._store.attempt(session, known.user_id, now)
            if user and (lock := lock_after(user.failures)):
                await self._store.lock(session, user.user_id, now + lock)
        return user

    async def _uncount(self, users: Sequence[User]) -> None:
        """Take the attempts of users back, in which nothing was guessed."""
        for user in users:
            async with self._database.session() as session:
                await self._store.uncount(session, user.user_id, is_locked=lock_after(user.failures) is not None)

    async def _forgive(self, users: Sequence[User]) -> None:
        """Take the attempts of users back whose address another login has, which the password was of."""
        for user in users:
            async with self._database.session() as session:
                await self._store.forgive(session, user.user_id, is_locked=lock_after(user.failures) is not None)

    async def _succeeded(self, user: User) -> None:
        async with self._database.session() as session:
            await self._store.succeeded(session, user.user_id)

    async def _takes_code(self, user: User, sealed: bytes, code: str) -> bool:
        """Whether a code is right now, give or take one step, and was not used."""
        step = self._step(self._vault.open(sealed, _totp_owner(user)).decode(), code)
        if step is None:
            return False
        async with self._database.session() as session:
            return await self._store.take_step(session, user.user_id, step)

    def _step(self, secret: str, code: str) -> int | None:
        """Return the step that a code is of."""
        totp, now = pyotp.TOTP(secret), self._clock()
        for shift in (0, -1, 1):
            moment = now + timedelta(seconds=shift * _STEP_SECONDS)
            if totp.verify(code, for_time=moment):
                return int(moment.timestamp()) // _STEP_SECONDS
        return None


def address_of(email: str) -> str:
    """Return an address as it is stored. Raises AccountError for what is none."""
    address = normalized(email)
    if len(address) > 254 or not _ADDRESS.fullmatch(address):
        raise AccountError("email", "This is no e-mail address.")
    return address


def _totp_owner(user: User) -> str:
    return f"totp:{user.user_id}"
