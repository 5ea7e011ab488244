"""Takes Envoy's lines over into the table: in batches, each line once, however often it is killed in between."""

from __future__ import annotations

import asyncio
from dataclasses import asdict

import httpx

from audit_svc.domain.condensing import Condenser
from audit_svc.domain.entry import chained
from audit_svc.domain.lines import UNREADABLE, entry_of
from audit_svc.domain.unusual_keys import KeyHabits
from audit_svc.metrics import AUDIT_BACKLOG, AUDIT_LINE_UNREADABLE, BACKLOG, ENTRIES, KEY_UNUSUAL
from audit_svc.spool import Batch, Position, Spool
from audit_svc.storage import AuditRepository, MovedError
from mesh.ids import Clock, utc_now
from mesh.storage.database import Database
from mesh.telemetry import alert, get_logger
from mesh.worker import Worker

log = get_logger(__name__)
INTERVAL_SECONDS = 1.0
ROTATION_SECONDS = 5.0
RETRY_SECONDS = 1.0
"""How long is rested at the end, when the database does not take what is left."""


class Intake:
    """Follows one Envoy's spool. Where it stands is in the database, moved in the transaction of the rows."""

    def __init__(
        self,
        database: Database,
        store: AuditRepository,
        spool: Spool,
        name: str,
        condenser: Condenser,
        *,
        alert_bytes: int,
        clock: Clock = utc_now,
    ) -> None:
        self._database = database
        self._store = store
        self._spool = spool
        self._name = name
        self._condenser = condenser
        self._alert_bytes = alert_bytes
        self._clock = clock
        self._habits = KeyHabits()
        self._position: Position | None = None
        self._alerted = False
        self.worker = Worker("audit-intake", self.step, INTERVAL_SECONDS, at_end=self.finish)

    async def step(self) -> bool:
        """Take over one batch; return whether there was one."""
        if self._position is None:
            async with self._database.session() as session:
                self._position = await self._store.position(session, self._name)
        self._watch_backlog(self._position)
        batch = self._spool.read(self._position)
        if not batch.lines:
            return False
        if not await self._take_over(batch, self._position):
            # somebody else reads this spool as well, and was first
            self._position = None
            return True
        self._position = batch.end
        self._spool.drop_read(batch.end)
        return True

    async def finish(self) -> None:
        """Take over all that is left, for as long as it is given: a volume may go with its pod, and Envoy has ended."""
        while True:
            try:
                if not await self.step():
                    return
            except Exception as error:
                if (task := asyncio.current_task()) and task.cancelling():
                    raise asyncio.CancelledError from error
                log.warning("lines wait for the audit's database to end", error=repr(error))
                await asyncio.sleep(RETRY_SECONDS)

    async def _take_over(self, batch: Batch, begin: Position) -> bool:
        now = self._clock()
        found = [entry_of(line, now) for line in batch.lines]
        if unreadable := sum(entry.source == UNREADABLE for entry in found):
            alert(AUDIT_LINE_UNREADABLE, log, lines=unreadable)
        try:
            async with self._database.transaction() as session:
                rows = chained(await self._store.lock_head(session), self._condenser.condensed(found))
                await self._store.append(session, rows, self._name, begin, batch.end)
        except MovedError:
            return False
        ENTRIES.inc(len(rows))
        for one in self._habits.noted(found):
            alert(KEY_UNUSUAL, log, **asdict(one))
        # logs go elsewhere, and so prove later that nothing before this was changed
        log.info("audited", entries=len(rows), seq=rows[-1].seq, hash=rows[-1].hash.hex())
        return True

    def _watch_backlog(self, position: Position) -> None:
        waiting = self._spool.backlog(position)
        BACKLOG.set(waiting)
        if waiting > self._alert_bytes and not self._alerted:
            alert(AUDIT_BACKLOG, log, bytes=waiting)
        self._alerted = waiting > self._alert_bytes


class Rotation:
    """Begins a new file when Envoy's has grown large. The old one is read to its end, and then removed."""

    def __init__(self, spool: Spool, size: int, admin_url: str) -> None:
        self._spool = spool
        self._size = size
        self._http = _administration(admin_url) if admin_url else None
        self.worker = Worker("audit-rotation", self.step, ROTATION_SECONDS)

    async def step(self) -> bool:
        """Look at the size once; always rest afterwards."""
        if self._http is None:
            return False
        if self._spool.is_larger_than(self._size):
            self._spool.set_aside()
        # also when an earlier life of ours has set it aside and got no further
        if self._spool.is_without_file():
            (await self._http.post("/reopen_logs")).raise_for_status()
            log.info("a new spool file is begun")
        return False

    async def close(self) -> None:
        """Close the connections."""
        if self._http:
            await self._http.aclose()


def _administration(url: str) -> httpx.AsyncClient:
    scheme, _, file = url.partition(":")
    if scheme != "unix":
        return httpx.AsyncClient(base_url=url, timeout=2, trust_env=False)
    # a file of this machine is not asked who it is: the CAs of the world would be 2 MB
    transport = httpx.AsyncHTTPTransport(verify=False, uds=file)
    return httpx.AsyncClient(base_url="http://envoy", timeout=2, trust_env=False, transport=transport)
