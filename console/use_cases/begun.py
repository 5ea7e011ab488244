"""What is begun in one request of a browser and ended in another, once: a passkey's challenge, a way elsewhere."""

from __future__ import annotations

import json
import secrets
from collections import Counter, deque
from datetime import datetime, timedelta
from typing import Any

from console.domain import AccountError, digest
from console.storage.credentials import Begun as Row
from console.storage.credentials import Credentials
from mesh.ids import Clock, utc_now
from mesh.storage.database import Database
from mesh.vault import Vault

LIFETIME = timedelta(minutes=10)
MAX_OF_SOURCE = 300
"""How much one network may begin in `LIFETIME` without a login: a company's people share an address."""
MAX_OPEN = 20_000
"""How much all who have not logged in may have open here, ended or not."""


class Begun:
    """Keeps things for as long as a person may take, sealed; who brings the token takes them."""

    def __init__(self, database: Database, store: Credentials, vault: Vault, clock: Clock = utc_now) -> None:
        self._database = database
        self._store = store
        self._vault = vault
        self._clock = clock
        self._strangers: deque[tuple[datetime, str]] = deque()
        self._of_source: Counter[str] = Counter()

    def admit(self, source: str) -> None:
        """Count what a stranger in a network begins. Raises AccountError once it is too much.

        `source` names the network; it is empty where nobody could tell, which is a network like another.
        """
        now = self._clock()
        while self._strangers and self._strangers[0][0] <= now:
            _, gone = self._strangers.popleft()
            self._of_source[gone] -= 1
            if not self._of_source[gone]:
                del self._of_source[gone]
        if len(self._strangers) >= MAX_OPEN or self._of_source[source] >= MAX_OF_SOURCE:
            raise AccountError("begun", "Too many logins were begun from your network. Try again in ten minutes.")
        self._of_source[source] += 1
        self._strangers.append((now + LIFETIME, source))

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
