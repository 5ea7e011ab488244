"""Sessions: what a browser's token opens, and the API key that goes with it."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import timedelta
from typing import Protocol
from uuid import UUID

from console.domain import AccountError, Session, SessionKey, User, digest
from console.storage.people import MOST_OVER
from console.storage.people import Accounts as Store
from mesh.ids import Clock, utc_now
from mesh.storage.database import Database
from mesh.telemetry import get_logger
from mesh.vault import Vault

log = get_logger(__name__)


class KeyIssuer(Protocol):
    """Who makes API keys."""

    async def issue(self, user: User, mode: str, lifetime: timedelta) -> SessionKey:
        """Make a key that may do what the user's role may."""
        ...

    async def end(self, api_key_id: UUID) -> bool:
        """End a key; return False when it may still hold."""
        ...


class SessionOverError(Exception):
    """The session has ended while something was done in it."""


class Sessions:
    """Logins. One is over when its row says so: nothing about it is remembered elsewhere.

    Its row stays until its API key has ended too.
    """

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

    async def open(self, user: User, user_agent: str) -> str:
        """Begin a session in test mode and return its token. Never one that a browser has brought.

        It ends the oldest of somebody who has too many.
        Raises AccountError when the user, as the password was checked for, is no more: what ends all sessions of a
        user ends one that begins meanwhile.
        """
        token, now = secrets.token_urlsafe(32), self._clock()
        login = Session(digest(token), user.user_id, "test", None, None, user_agent[:300], now, now + self._lifetime)
        async with self._database.session() as session, session.begin():
            known = await self._store.held(session, user.user_id)
            if known is None or known.disable_time or known.password_hash != user.password_hash:
                raise AccountError("password", "This account has just changed. Log in again.")
            await self._store.open(session, login)
            ended = await self._store.close_oldest(session, user.user_id, now)
        await self.bury(ended)
        return token

    async def resume(self, token: str) -> tuple[User, Session] | None:
        """Return the session of a token and its user; None when it is over, or the user is disabled."""
        async with self._database.session() as session:
            login = await self._store.login(session, digest(token), self._clock())
            user = await self._store.by_id(session, login.user_id) if login else None
        return (user, login) if login and user and user.disable_time is None else None

    async def api_key(self, user: User, login: Session) -> str:
        """Return the secret of the session's API key, made when it is first needed. Raises SessionOverError."""
        return await self._key_for(user, login, login.mode)

    async def switch(self, user: User, login: Session, mode: str) -> None:
        """Give a session a mode and a key for it; the one that it had ends. Raises SessionOverError."""
        await self._key_for(user, login, mode)

    async def _key_for(self, user: User, login: Session, mode: str) -> str:
        while login.api_key is None or login.mode != mode:
            key = await self._keys.issue(user, mode, login.expire_time - self._clock())
            sealed = self._vault.seal(key.secret.encode(), _key_owner(login))
            change = {"mode": mode, "api_key_id": key.api_key_id, "api_key": sealed}
            async with self._database.session() as session, session.begin():
                # before it is used: who holds it is known of all that is done with it
                await self._store.note_key(session, key.api_key_id, user.user_id)
                token, now = login.token_sha256, self._clock()
                is_ours = await self._store.set_key(session, token, now=now, before=login.api_key_id, **change)
                found = None if is_ours else await self._store.login(session, token, now)
            if is_ours:
                if login.api_key_id:
                    await self._keys.end(login.api_key_id)
                return key.secret
            # another page of the session was first, or it was ended: a key that no session knows would stay
            await self._keys.end(key.api_key_id)
            if found is None:
                raise SessionOverError
            login = found
        return self._vault.open(login.api_key, _key_owner(login)).decode()

    async def holders(self, merchant_id: UUID, keys: Sequence[UUID]) -> dict[str, str]:
        """Return which of some API keys were those of sessions of a merchant's people, with the people's names."""
        async with self._database.session() as session:
            return await self._store.holders(session, merchant_id, keys)

    async def close(self, token: str) -> None:
        """End a session, and its API key."""
        async with self._database.session() as session:
            ended = await self._store.close(session, digest(token), self._clock())
        await self.bury(ended)

    async def close_all(self, user_id: UUID) -> None:
        """End all sessions of a user, everywhere at once."""
        async with self._database.session() as session:
            ended = await self._store.close_all(session, user_id, self._clock())
        await self.bury(ended)

    async def of(self, user_id: UUID) -> list[Session]:
        """Return the sessions of a user."""
        async with self._database.session() as session:
            return await self._store.logins(session, user_id, self._clock())

    async def key_ids(self, merchant_id: UUID) -> set[str]:
        """Return the ids of the API keys that sessions of a merchant's users have: no keys of the merchant's."""
        async with self._database.session() as session:
            return {str(one) for one in await self._store.key_ids(session, merchant_id)}

    async def sweep(self) -> bool:
        """End the keys of sessions that are over, where it failed before, and forget some of them.

        Return whether there may be more.
        """
        async with self._database.session() as session:
            over = await self._store.over(session, self._clock())
        return await self.bury(over) == MOST_OVER

    async def bury(self, ended: list[Session]) -> int:
        """End the keys of sessions and forget them; what cannot be ended now is left for the next time.

        Return how many were forgotten.
        """
        forgotten = 0
        for login in ended:
            if login.api_key_id and not await self._keys.end(login.api_key_id):
                log.warning("the key of a session that is over stays for now", api_key_id=str(login.api_key_id))
                continue
            async with self._database.session() as session:
                await self._store.forget(session, login.token_sha256)
            forgotten += 1
        return forgotten


def _key_owner(login: Session) -> str:
    return f"session:{login.token_sha256.hex()}"
