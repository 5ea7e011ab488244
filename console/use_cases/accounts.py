"""Logging in and out, and what a session may do at the API."""

from __future__ import annotations

import asyncio
import secrets
from datetime import timedelta
from typing import Protocol
from uuid import UUID

import pyotp
from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from console.domain import LOCK, MAX_FAILURES, Session, SessionKey, User, digest, normalized
from console.storage import Accounts as Store
from mesh.ids import Clock, new_id, utc_now
from mesh.storage.database import Database
from mesh.vault import Vault

MIN_PASSWORD = 12
_STEP_SECONDS = 30


def new_password() -> str:
    """Return a first password: 100 random bits, easy to read out."""
    return pyotp.random_base32(32).lower()[:20]


class AccountError(Exception):
    """What a person is told that was refused; `field` names the input."""

    def __init__(self, field: str, words: str) -> None:
        super().__init__(words)
        self.field = field


class KeyIssuer(Protocol):
    """Who makes API keys."""

    async def issue(self, user: User, mode: str, lifetime: timedelta) -> SessionKey:
        """Make a key that may do what the user's role may."""
        ...

    async def revoke(self, api_key_id: UUID) -> None:
        """End a key."""
        ...


class Accounts:
    """Users and their sessions. A session ends with its row: nothing about it is remembered elsewhere."""

    def __init__(
        self,
        database: Database,
        store: Store,
        vault: Vault,
        keys: KeyIssuer,
        lifetime: timedelta,
        clock: Clock = utc_now,
    ) -> None:
        self._database = database
        self._store = store
        self._vault = vault
        self._keys = keys
        self._lifetime = lifetime
        self._clock = clock
        # OWASP Password Storage Cheat Sheet: 19 MiB, two passes
        self._hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
        # what an unknown address is held against, so that its answer takes as long
        self._nobody = self._hasher.hash(secrets.token_urlsafe())
        # one at a time: each takes a core and 19 MiB
        self._hashing = asyncio.Semaphore(1)

    async def add(self, email: str, display_name: str, password: str, role: str, merchant_id: UUID | None) -> bool:
        """Add a user; return False when the address is somebody's. Raises AccountError for a password that is short."""
        user = User(
            new_id(),
            _address(email),
            display_name,
            role,
            merchant_id,
            await self._hash(password),
            None,
            0,
            0,
            None,
            self._clock(),
        )
        async with self._database.session() as session:
            return await self._store.add(session, user)

    async def check(self, email: str, password: str, code: str) -> User:
        """Return whom address, password and code belong to. Raises AccountError.

        Whether an address is known, locked or has another password is not told apart.
        """
        async with self._database.session() as session:
            user = await self._store.by_email(session, normalized(email))
        is_right = await self._verify(user.password_hash if user else self._nobody, password)
        if user is None or user.is_locked(self._clock()):
            raise _WRONG
        if not is_right:
            await self._count_failure(user)
            raise _WRONG
        if user.totp_secret:
            if not code:
                raise AccountError("code", "Enter the code that your authenticator shows.")
            if not await self._takes_code(user, user.totp_secret, code):
                await self._count_failure(user)
                raise AccountError("code", "This code is not right, or was used before.")
        if user.failures:
            async with self._database.session() as session:
                await self._store.failed(session, user.user_id, 0, None)
        return user

    async def open(self, user: User, user_agent: str) -> str:
        """Begin a session in test mode and return its token. Never one that a browser has brought."""
        token, now = secrets.token_urlsafe(32), self._clock()
        login = Session(digest(token), user.user_id, "test", None, None, user_agent[:300], now, now + self._lifetime)
        async with self._database.session() as session:
            await self._store.purge(session, now)
            await self._store.open(session, login)
        return token

    async def resume(self, token: str) -> tuple[User, Session] | None:
        """Return the session of a token and its user; None when it is over, or the user is disabled."""
        async with self._database.session() as session:
            login = await self._store.login(session, digest(token), self._clock())
            user = await self._store.by_id(session, login.user_id) if login else None
        return (user, login) if login and user and user.disable_time is None else None

    async def api_key(self, user: User, login: Session) -> str:
        """Return the secret of the session's API key, made when it is first needed."""
        if login.api_key:
            return self._vault.open(login.api_key, _key_owner(login)).decode()
        return await self.switch(user, login, login.mode)

    async def switch(self, user: User, login: Session, mode: str) -> str:
        """Give a session a mode and a key for it; the one that it had is revoked."""
        key = await self._keys.issue(user, mode, login.expire_time - self._clock())
        sealed = self._vault.seal(key.secret.encode(), _key_owner(login))
        async with self._database.session() as session:
            await self._store.set_key(session, login.token_sha256, mode=mode, api_key_id=key.api_key_id, api_key=sealed)
        if login.api_key_id:
            await self._keys.revoke(login.api_key_id)
        return key.secret

    async def close(self, token: str) -> None:
        """End a session, and its API key."""
        async with self._database.session() as session:
            ended = await self._store.close(session, digest(token))
        await self._revoke(ended)

    async def close_all(self, user_id: UUID) -> None:
        """End all sessions of a user, everywhere at once."""
        async with self._database.session() as session:
            ended = await self._store.close_all(session, user_id)
        await self._revoke(ended)

    async def sessions(self, user_id: UUID) -> list[Session]:
        """Return the sessions of a user."""
        async with self._database.session() as session:
            return await self._store.logins(session, user_id, self._clock())

    async def change_password(self, user: User, old: str, new: str) -> None:
        """Replace a password and end all sessions. Raises AccountError."""
        if not await self._verify(user.password_hash, old):
            await self._count_failure(user)
            raise AccountError("old", "This is not your password.")
        hashed = await self._hash(new)
        async with self._database.session() as session:
            await self._store.set_password(session, user.user_id, hashed)
        await self.close_all(user.user_id)

    async def enrol(self, user: User, secret: str, code: str) -> None:
        """Have a second factor asked for from now on. Raises AccountError when the code is not of the secret."""
        if not pyotp.TOTP(secret).verify(code, valid_window=1):
            raise AccountError("code", "This code is not of the secret that is shown.")
        async with self._database.session() as session:
            await self._store.set_totp(session, user.user_id, self._vault.seal(secret.encode(), _totp_owner(user)))

    async def users(self, merchant_id: UUID) -> list[User]:
        """Return a merchant's users."""
        async with self._database.session() as session:
            return await self._store.of_merchant(session, merchant_id)

    async def change(self, by: User, user_id: UUID, *, role: str = "", enabled: bool | None = None) -> None:
        """Give a user of the same merchant another role, or disable or enable it; its sessions end.

        Raises AccountError for nobody of this merchant, and for oneself.
        """
        async with self._database.session() as session:
            user = await self._store.by_id(session, user_id)
            if user is None or user.merchant_id != by.merchant_id:
                raise AccountError("user", "There is no such user.")
            if user.user_id == by.user_id:
                raise AccountError("user", "Nobody changes their own role.")
            if role:
                await self._store.set_role(session, user_id, role)
            if enabled is not None:
                await self._store.set_disabled(session, user_id, None if enabled else self._clock())
        await self.close_all(user_id)

    async def _takes_code(self, user: User, sealed: bytes, code: str) -> bool:
        """Whether a code is right now, give or take one step, and was not used."""
        totp, now = pyotp.TOTP(self._vault.open(sealed, _totp_owner(user)).decode()), self._clock()
        for shift in (0, -1, 1):
            moment = now + timedelta(seconds=shift * _STEP_SECONDS)
            if totp.verify(code, for_time=moment):
                async with self._database.session() as session:
                    return await self._store.take_step(session, user.user_id, int(moment.timestamp()) // _STEP_SECONDS)
        return False

    async def _count_failure(self, user: User) -> None:
        failures = user.failures + 1
        until = self._clock() + LOCK if failures % MAX_FAILURES == 0 else None
        async with self._database.session() as session:
            await self._store.failed(session, user.user_id, failures, until)

    async def _revoke(self, ended: list[Session]) -> None:
        for login in ended:
            if login.api_key_id:
                await self._keys.revoke(login.api_key_id)

    async def _hash(self, password: str) -> str:
        if len(password) < MIN_PASSWORD:
            raise AccountError("password", f"A password has at least {MIN_PASSWORD} characters.")
        async with self._hashing:
            return await asyncio.to_thread(self._hasher.hash, password)

    async def _verify(self, hashed: str, password: str) -> bool:
        async with self._hashing:
            try:
                return await asyncio.to_thread(self._hasher.verify, hashed, password)
            except (Argon2Error, InvalidHashError):
                return False


_WRONG = AccountError("password", "Address or password is not right.")


def _key_owner(login: Session) -> str:
    return f"session:{login.token_sha256.hex()}"


def _totp_owner(user: User) -> str:
    return f"totp:{user.user_id}"


def _address(email: str) -> str:
    address = normalized(email)
    if not 3 <= len(address) <= 254 or "@" not in address:
        raise AccountError("email", "This is no e-mail address.")
    return address
