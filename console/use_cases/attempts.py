"""Forms that are taken once: a page that is loaded again, or sent twice, does nothing twice."""

from __future__ import annotations

import re

from console.domain import Session, digest
from console.storage.attempts import Attempts as Store
from mesh.storage.database import Database

_ATTEMPT = re.compile(r"[0-9a-f]{32}")


def is_attempt(given: str) -> bool:
    """Whether something is a name that a page has given its forms."""
    return bool(_ATTEMPT.fullmatch(given))


class Attempts:
    """What a session has sent already, by the name that each page gives its forms."""

    def __init__(self, database: Database, store: Store) -> None:
        self._database = database
        self._store = store

    async def is_first(self, login: Session, path: str, attempt: str) -> bool:
        """Note that a form is sent, before anything is done; return False when it was before."""
        async with self._database.session() as session:
            return await self._store.note(session, login.token_sha256, digest(f"{attempt} {path}"))
