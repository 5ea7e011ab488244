"""An audit entry, how entries are chained by their hashes, and how a chain that was tampered with is found out.

Each hash covers the hash before it, so that a row cannot be changed, taken out or put in without every later hash being
wrong (Schneier and Kelsey, "Secure Audit Logs to Support Computer Forensics", 1999, without the forward keys).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from enum import StrEnum
from operator import attrgetter

DEFAULT_PAGE = 100


GENESIS = bytes(32)
"""What stands for the hash before the first entry."""
NO_GRPC_STATUS = -1


@dataclass(frozen=True, slots=True)
class Entry:
    """One request at the edge."""

    time: datetime
    request_id: str
    trace_id: str
    merchant_id: str
    key_id: str
    mode: str
    method: str
    path: str
    rpc: str
    http_status: int
    grpc_status: int
    flags: str
    detail: str
    duration_us: int
    client: str
    idempotency_key: str
    user_agent: str
    source: str


values_of = attrgetter(*(field.name for field in fields(Entry)))
"""Returns an entry's values as they are: `astuple` would copy each of them."""


@dataclass(frozen=True, slots=True)
class Link:
    """A place in the chain: the number of an entry and its hash."""

    seq: int
    hash: bytes


START = Link(0, GENESIS)


@dataclass(frozen=True, slots=True)
class Cut:
    """Where the oldest entries were taken out: all up to one that was anchored."""

    link: Link
    archive_sha256: bytes
    """Of the file that they were written to."""
    actor: str
    reason: str
    time: datetime


@dataclass(frozen=True, slots=True)
class Row:
    """An entry in its place in the chain."""

    seq: int
    entry: Entry
    prev_hash: bytes
    hash: bytes


class Kind(StrEnum):
    """What can be wrong with an entry."""

    ALTERED = "ALTERED"
    MISSING = "MISSING"
    INSERTED = "INSERTED"


@dataclass(frozen=True, slots=True)
class Fault:
    """The first entry that is not what was written."""

    seq: int
    kind: Kind


def digest(prev_hash: bytes, seq: int, entry: Entry) -> bytes:
    """Return the hash of an entry in its place: SHA-256 over the hash before, and a JSON list of all its values."""
    moment, *values = values_of(entry)
    canonical = json.dumps([seq, _text(moment), *values], ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(prev_hash + canonical.encode()).digest()


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def chained(last: Link, entries: Iterable[Entry]) -> list[Row]:
    """Return the entries as the rows that follow `last`."""
    rows = []
    for entry in entries:
        seq = last.seq + 1
        row = Row(seq, entry, last.hash, digest(last.hash, seq, entry))
        rows.append(row)
        last = Link(seq, row.hash)
    return rows


class Verifier:
    """Walks a chain row by row, in the order of their numbers, from a link that is taken to be right."""

    def __init__(self, start: Link) -> None:
        self.last = start
        self._before = start

    def check(self, row: Row) -> Fault | None:
        """Return what is wrong at this row, and go on to the next if nothing is."""
        if row.seq > self.last.seq + 1:
            return Fault(self.last.seq + 1, Kind.MISSING)
        if row.seq <= self.last.seq:
            return Fault(row.seq, Kind.INSERTED)
        own = digest(row.prev_hash, row.seq, row.entry)
        if row.prev_hash != self.last.hash:
            return self._broken(row, is_itself=own == row.hash)
        if own != row.hash:
            return Fault(row.seq, Kind.ALTERED)
        self._before, self.last = self.last, Link(row.seq, row.hash)
        return None

    def _broken(self, row: Row, *, is_itself: bool) -> Fault:
        """Name the entry to blame for a row that does not follow the one before it."""
        if row.prev_hash == self._before.hash:
            # it followed the one before the last, which somebody has put in since, with a hash that fits
            return Fault(self.last.seq, Kind.INSERTED)
        # a row that fits its own hash was written so: then the one before it has been replaced, hash and all
        return Fault(self.last.seq if is_itself else row.seq, Kind.ALTERED)

    def check_end(self, head: Link) -> Fault | None:
        """Hold the end of the walk against where the writer says that the chain ends."""
        if self.last.seq < head.seq:
            return Fault(self.last.seq + 1, Kind.MISSING)
        if self.last.seq > head.seq:
            return Fault(head.seq + 1, Kind.INSERTED)
        return None if self.last.hash == head.hash else Fault(head.seq, Kind.ALTERED)


@dataclass(frozen=True, slots=True)
class Query:
    """Which entries somebody wants to see."""

    merchant_id: str = ""
    start: datetime | None = None
    end: datetime | None = None
    after: int = 0
    limit: int = DEFAULT_PAGE
    newest_first: bool = False


@dataclass(frozen=True, slots=True)
class RequestQuery:
    """Which requests somebody wants to see; empty: whatever they are, and of nobody too."""

    merchant_id: str
    key_id: str
    trace_ids: Sequence[str]
    path: str
    statuses: tuple[int, int]
    """From the one to the other; to 0: any."""
    request_id: str
    before: int
    limit: int
    start: datetime | None = None
    end: datetime | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a look at a part of the chain has found."""

    checked: int
    last: Link
    fault: Fault | None
    done: bool
    cut: Cut | None = None
    """Where the chain begins, on the part that begins there."""
