"""Anchors the chain outside of the database, by itself: every so often, and after so many entries."""

from __future__ import annotations

import time
from pathlib import Path

from audit_svc.domain.entry import START, Link
from audit_svc.metrics import NOT_ANCHORED
from audit_svc.storage import AuditRepository
from mesh.ids import Clock, utc_now
from mesh.signatures.anchors import Anchor, keep, newest_first, seq_of
from mesh.signatures.signing import SigningKey
from mesh.storage.database import Database
from mesh.telemetry import alert, get_logger
from mesh.tls import TlsFiles, Watched
from mesh.worker import Worker

log = get_logger(__name__)
LOOK_SECONDS = 5.0
"""How often it is looked how far the chain has grown, at the least."""


class Anchoring:
    """Writes an anchor when the chain has grown and the last one is old, or the chain has grown by much."""

    def __init__(
        self,
        database: Database,
        store: AuditRepository,
        folder: Path,
        files: TlsFiles,
        *,
        seconds: float,
        entries: int,
        clock: Clock = utc_now,
    ) -> None:
        self._database = database
        self._store = store
        self._folder = folder
        self._watched = Watched(files)
        self._seconds = seconds
        self._entries = entries
        self._clock = clock
        self._anchored = max((seq_of(path) for path in newest_first(folder)), default=START.seq)
        self._time = time.monotonic()
        self._alerted = False
        self.worker = Worker("audit-anchoring", self.step, interval=min(seconds, LOOK_SECONDS))

    async def step(self) -> bool:
        """Anchor the chain if it is time; always rest afterwards."""
        head = await self._head()
        grown = head.seq - self._anchored
        if grown >= self._entries or (grown > 0 and time.monotonic() - self._time >= self._seconds):
            self._anchor(head)
        return False

    async def close(self) -> None:
        """Anchor what came last."""
        head = await self._head()
        if head.seq > self._anchored:
            self._anchor(head)

    async def _head(self) -> Link:
        async with self._database.session() as session:
            return await self._store.head(session)

    def _anchor(self, head: Link) -> None:
        self._watched.changed()
        anchor = Anchor(head.seq, head.hash.hex(), self._clock())
        key = SigningKey(self._watched.pems)
        try:
            keep(self._folder, anchor, key)
        except OSError as error:
            if not self._alerted:
                alert(NOT_ANCHORED, log, error=repr(error))
            self._alerted = True
            raise
        self._alerted = False
        self._anchored, self._time = head.seq, time.monotonic()
        # logs go elsewhere as well: a second place, for when the folder goes too
        log.info("anchored", **anchor.signed(key))
