"""The use cases of the audit: look into it, and find out whether it is as it was written."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from audit_svc.domain.entry import (
    DEFAULT_PAGE,
    START,
    Cut,
    Fault,
    Kind,
    Link,
    Query,
    RequestQuery,
    Row,
    Verdict,
    Verifier,
)
from audit_svc.storage import AuditRepository
from mesh.storage.database import Database, Session

PART = 5000
"""How many entries one call verifies: about half a second of work."""

READ_PATIENCE = 30.0
"""How long the database may look for entries: those of a merchant or a span may be far between."""


class Audit:
    """Reads the chain; writing is the intake's."""

    def __init__(self, database: Database, store: AuditRepository, part: int = PART) -> None:
        self._database = database
        self._store = store
        self._part = part

    async def find(self, query: Query) -> list[Row]:
        """Return the entries that fit."""
        async with self._database.session(READ_PATIENCE) as session:
            return await self._store.find(
                session,
                merchant_id=query.merchant_id or None,
                start=query.start,
                end=query.end,
                after=query.after,
                limit=query.limit or DEFAULT_PAGE,
                newest_first=query.newest_first,
            )

    async def requests(self, query: RequestQuery) -> tuple[list[Row], int]:
        """Return a merchant's requests that fit, newest first, and where to go on; 0: there are no more."""
        async with self._database.session() as session:
            return await self._store.requests(session, query)

    async def search(self, query: RequestQuery) -> tuple[list[Row], int]:
        """Return the requests of whomever that fit, newest first, and where to go on; 0: there are no more."""
        async with self._database.session(READ_PATIENCE) as session:
            if query.end:
                # the cursor is the nearer of the two: days that are later are not walked through
                last = (await self._store.last_until(session, query.end) or 0) + 1
                query = replace(query, before=min(query.before or last, last))
            return await self._store.search(session, query)

    async def verify(self, start: datetime | None, end: datetime | None, after: int) -> Verdict:
        """Walk the part of the chain that follows `after`, or the first part of the span of time."""
        # one snapshot, as the writer goes on meanwhile
        async with self._database.transaction(READ_PATIENCE) as session:
            await self._store.freeze(session)
            head = await self._store.head(session)
            until = await self._store.last_until(session, end) or 0 if end else None
            cut = await self._store.cut(session)
            first_link = cut.link if cut else START
            begin = after or (await self._before(session, start, head) if start else first_link.seq)
            link = first_link if begin == first_link.seq else await self._store.link(session, begin)
            if link is None and not after and (first := await self._store.part(session, begin, begin + 1, 1)):
                # rows before a span may have been removed on purpose; it begins at what its first one followed
                link = Link(begin, first[0].prev_hash)
            if link is None:
                return Verdict(0, Link(begin, b""), Fault(begin, Kind.MISSING), done=True)
            at_start = begin == first_link.seq
            below = await self._store.lowest(session) if at_start else None
            if below is not None and below <= begin:
                return Verdict(0, link, Fault(below, Kind.INSERTED), done=True)
            last = (1 << 62) if until is None else until
            rows = await self._store.part(session, begin, last, self._part)
        return _judge(link, rows, head if until is None else None, self._part, cut if at_start else None)

    async def _before(self, session: Session, start: datetime, head: Link) -> int:
        first = await self._store.first_from(session, start)
        return head.seq if first is None else max(0, first - 1)


def _judge(link: Link, rows: list[Row], head: Link | None, part: int, cut: Cut | None) -> Verdict:
    verifier = Verifier(link)
    for checked, row in enumerate(rows):
        fault = verifier.check(row)
        if fault:
            return Verdict(checked, verifier.last, fault, done=True)
    done = len(rows) < part
    fault = verifier.check_end(head) if done and head else None
    return Verdict(len(rows), verifier.last, fault, done, cut)
