"""Answers remembered under an idempotency key."""

import hashlib
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sandbox.store.database import Database
from sandbox.web.replies import Reply

_KEPT_SECONDS = 24 * 3600
_SCHEMA = """
CREATE TABLE IF NOT EXISTS idempotency (
    provider TEXT NOT NULL,
    key TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    request_id TEXT NOT NULL,
    status INTEGER NOT NULL,
    body TEXT NOT NULL,
    created REAL NOT NULL,
    PRIMARY KEY (provider, key)
);
"""


class KeyInUseError(Exception):
    """Another request with the same key is still running."""


class KeyReusedError(Exception):
    """The key was first used with another request."""


@dataclass(frozen=True, slots=True)
class Record:
    """The first answer given under a key, byte for byte."""

    request_id: str
    reply: Reply


def fingerprint(method: str, path: str, parameters: object) -> str:
    """What makes two requests the same request."""
    canonical = json.dumps([method, path, parameters], sort_keys=True)
    return hashlib.sha256(canonical.encode()).hexdigest()


class InFlight:
    """The keys of requests that are still running; known to this process only."""

    def __init__(self) -> None:
        self._running: set[str] = set()

    @contextmanager
    def claim(self, key: str | None) -> Iterator[None]:
        """Hold a key while its request runs; a second holder is refused."""
        if key is None:
            yield
            return
        if key in self._running:
            raise KeyInUseError
        self._running.add(key)
        try:
            yield
        finally:
            self._running.discard(key)


class Idempotency(InFlight):
    """Records of one provider."""

    def __init__(self, database: Database, provider: str) -> None:
        super().__init__()
        self._database = database
        self._provider = provider
        database.create(_SCHEMA)
        database.execute("DELETE FROM idempotency WHERE created < ?", (time.time() - _KEPT_SECONDS,))

    def find(self, key: str | None, print_: str) -> Record | None:
        """The answer given before; refuses a key that belongs to another request."""
        row = self._database.row(
            "SELECT * FROM idempotency WHERE provider = ? AND key = ? AND created >= ?",
            (self._provider, key, time.time() - _KEPT_SECONDS),
        )
        if row is None:
            return None
        if row["fingerprint"] != print_:
            raise KeyReusedError
        return Record(row["request_id"], Reply(row["status"], row["body"].encode()))

    def store(self, key: str | None, print_: str, request_id: str, reply: Reply) -> None:
        """Remember an answer; belongs in the transaction of the work it answers for."""
        if key is None:
            return
        self._database.execute(
            "INSERT OR REPLACE INTO idempotency VALUES (?, ?, ?, ?, ?, ?, ?)",
            (self._provider, key, print_, request_id, reply.status, reply.body.decode(), time.time()),
        )
