"""What is begun in one request of a browser and ended in another, once: a passkey's challenge, a way elsewhere."""

from __future__ import annotations

import json
import secrets
from collections import deque
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from console.domain import AccountError, digest
from console.storage.credentials import Begun as Row
from console.storage.credentials import Credentials
from console.use_cases.shares import Shares
from mesh.ids import Clock, utc_now
from mesh.storage.database import Database
from mesh.vault import Vault

LIFETIME = timedelta(minutes=10)
MAX_OF_NETWORK = (300, 1_500, 5_000)
"""How much an address, which a company's people share, and the networks around it may begin without a login."""
MAX_OPEN = 20_000
"""How much all who have not logged in may have open here, ended or not."""


class Begun:
    """Keeps things for as long as a person may take, sealed; who brings the token takes them."""

    def __init__(self, database: Database, store: Credentials, vault: Vault, clock: Clock = utc_now) -> None:
        self._database = database
        self._store = store
        self._vault = vault
        self._clock = clock
        self._strangers: deque[tuple[datetime, Sequence[str]]] = deque()
        self._shares = Shares(MAX_OF_NETWORK, MAX_OPEN)

    def admit(self, networks: Sequence[str]) -> None:
        """Count what a stranger begins, who is in these networks. Raises AccountError once it is too much."""
        now = self._clock()
        while self._strangers and self._strangers[0][0] <= now:
            _, gone = self._strangers.popleft()
            self._shares.give_back(gone)
        if not self._shares.take(networks):
            raise AccountError("begun", "Too many logins were begun from your network. Try again in ten minutes.")
        self._strangers.append((now + LIFETIME, networks))

    async def keep(self, kind: str, **said: Any) -> str:
        """Keep what was begun; return the token that ends it."""
        token = secrets.token_urlsafe(32)
        key = digest(token)
        sealed = self._vault.seal(json.dumps(said).encode(), _owner(key))
        async with self._database.session() as session:
            await self._store.begin(session, Row(key, kind, sealed, self._clock() + LIFETIME))
        return token

    async def take(self, kind: str, token: str) -> dict[str, Any] | None:
        """Return what was begun, once; None when it was taken before, is too old, or never was."""
        key = digest(token)
        async with self._database.session() as session:
            found = await self._store.take(session, key, kind, self._clock())
        if found is None:
            return None
        said: dict[str, Any] = json.loads(self._vault.open(found.sealed, _owner(key)))
        return said

    async def sweep(self) -> None:
        """Forget what nobody has ended."""
        async with self._database.session() as session:
            await self._store.sweep(session, self._clock())


def _owner(key: bytes) -> str:
    return f"begun:{key.hex()}"
