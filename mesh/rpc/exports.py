"""Lists as files: read page by page, so that a file takes the memory of one page however long it is."""

from __future__ import annotations

import asyncio
import csv
import io
import json
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar
from uuid import UUID

import grpc
from google.api.httpbody_pb2 import HttpBody
from google.protobuf.message import Message

from mesh import context
from mesh.errors import ApiError
from mesh.ids import utc_now
from mesh.messages import document
from mesh.storage.listing import SLACK, Listing, id_at

ItemT = TypeVar("ItemT")
Json = dict[str, Any]
Read = Callable[[UUID | None, int], Awaitable[Sequence[ItemT]]]
"""Reads up to so many items, those after the one with an id."""

PAGE_SIZE = 200
"""How many items are held at a time."""
PIECE = 256 << 10
"""Bytes of a file that go along as one message."""
ROWS_AT_ONCE = 20
"""How many items are written out before whatever else waits for the process has its turn."""
MAX_OF_A_MERCHANT = 2
"""Exports of one merchant at one replica: each asks the database for page after page."""
MAX_AT_A_TIME = 20
"""Exports at one replica that wait for a page, whosesoever: it comes long before a stream counts as idle.

Those that wait for their readers are not counted: who reads slowly keeps nobody out.
"""
CSV, JSON_LINES = "csv", "jsonl"
TYPES = {CSV: "text/csv; charset=utf-8", JSON_LINES: "application/x-ndjson"}
"""By the format, the type of the file. Sources: RFC 4180, and https://github.com/ndjson/ndjson-spec."""
SPREADSHEET_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
"""How a text begins that a spreadsheet would run instead of showing it. Source: OWASP, "CSV Injection"."""

QUOTE = "'"
"""What stands before such a text, and before one that begins with it: so it can be taken away again."""

MONEY = {"amount": "amount.value", "currency": "amount.currency"}
TIMES = {"create_time_utc": "create_time", "update_time_utc": "update_time"}


def reader(
    asked: Listing, page: Callable[[Listing, UUID | None, int], Awaitable[Sequence[ItemT]]]
) -> Read[ItemT]:  # fmt: skip
    """Return what reads the pages of a listing one after the other, wherever its order says that the next begins."""
    rest = asked

    async def read(after: UUID | None, limit: int) -> Sequence[ItemT]:
        nonlocal rest
        found = await page(rest, after, limit)
        if found:
            rest = rest.beyond(found[-1])
        return found

    return read


@dataclass(frozen=True)
class Sheet(Generic[ItemT]):
    """How the items of a list are written."""

    name: str
    """Of the file, without its ending."""
    columns: Mapping[str, str]
    """CSV's columns, by their headings: paths in the message's JSON."""
    message_of: Callable[[ItemT], Message]
    id_of: Callable[[ItemT], UUID]


class ExportTurns:
    """What all exports of a process share: one page is read and written at a time, however many files are asked for.

    So they take one connection to the database, and the same share of the event loop as one alone.
    """

    def __init__(self, clock: Callable[[], datetime] = utc_now) -> None:
        self.clock = clock
        self._of_a_page = asyncio.Lock()
        self._waiting = 0
        self._running: Counter[UUID] = Counter()

    @contextmanager
    def one_of(self, owner: UUID) -> Iterator[None]:
        """Count an export of a merchant's for the block.

        Raises ApiError RESOURCE_EXHAUSTED, reason TOO_MANY_EXPORTS.
        """
        if self._running[owner] >= MAX_OF_A_MERCHANT:
            raise _too_many(f"at most {MAX_OF_A_MERCHANT} exports run at a time: wait for one to end")
        if self._waiting >= MAX_AT_A_TIME:
            raise _too_many("others export as many files as can be made at a time: try again in a minute")
        self._running[owner] += 1
        try:
            yield
        finally:
            self._running[owner] -= 1
            if not self._running[owner]:
                del self._running[owner]

    @asynccontextmanager
    async def of_a_page(self) -> AsyncIterator[None]:
        """Wait for the turn to read and write a page, and have it for the block."""
        self._waiting += 1
        try:
            async with self._of_a_page:
                yield
        finally:
            self._waiting -= 1


class Exports(Generic[ItemT]):
    """The exports of one kind."""

    def __init__(self, sheet: Sheet[ItemT], turns: ExportTurns) -> None:
        self._sheet = sheet
        self._turns = turns

    async def stream(self, wanted: str, read: Read[ItemT]) -> AsyncGenerator[HttpBody]:
        """Stream a file of all that `read` has, from its first item on, in the format that is wanted.

        What is made after it was asked for is not in it, however long it takes: the key is looked at once.

        Raises ApiError RESOURCE_EXHAUSTED, reason TOO_MANY_EXPORTS.
        """
        with self._turns.one_of(context.merchant()):
            end = id_at(self._turns.clock(), SLACK)
            last, data = await self._page(wanted, read, None, end)
            # only now is it known that there is a file
            call, wanted = context.current(), wanted or CSV
            call.is_whole = True
            call.response_headers.append(("content-disposition", f'attachment; filename="{self._sheet.name}.{wanted}"'))
            call.response_headers.append(("cache-control", "no-store"))
            head = _csv([list(self._sheet.columns)]) if wanted == CSV else ""
            first, *others = _pieces(head.encode() + data)
            yield HttpBody(content_type=TYPES[wanted], data=first)
            for piece in others:
                yield HttpBody(data=piece)
            while last:
                last, data = await self._page(wanted, read, last, end)
                for piece in _pieces(data):
                    yield HttpBody(data=piece)

    async def _page(self, wanted: str, read: Read[ItemT], after: UUID | None, end: UUID) -> tuple[UUID | None, bytes]:
        """Return a page as a part of the file, up to an id, and where the next one begins: None where there is none."""
        async with self._turns.of_a_page():
            items = [item for item in await read(after, PAGE_SIZE) if self._sheet.id_of(item) < end]
            parts = []
            for start in range(0, len(items), ROWS_AT_ONCE):
                parts.append(self._text(wanted, items[start : start + ROWS_AT_ONCE]))
                await asyncio.sleep(0)
        return self._sheet.id_of(items[-1]) if len(items) == PAGE_SIZE else None, "".join(parts).encode()

    def _text(self, wanted: str, items: Iterable[ItemT]) -> str:
        rows = (document(self._sheet.message_of(item)) for item in items)
        if wanted == JSON_LINES:
            return "".join(json.dumps(row, ensure_ascii=False, separators=(",", ":")) + "\n" for row in rows)
        return _csv([_cell(row, path) for path in self._sheet.columns.values()] for row in rows)


def _pieces(data: bytes) -> list[bytes]:
    """Cut a page into what Envoy takes as one message; a file has no place where it may not be cut."""
    return [data[start : start + PIECE] for start in range(0, max(len(data), 1), PIECE)]


def _too_many(words: str) -> ApiError:
    return ApiError(grpc.StatusCode.RESOURCE_EXHAUSTED, "TOO_MANY_EXPORTS", words)


def _csv(rows: Iterable[Sequence[str]]) -> str:
    out = io.StringIO()
    csv.writer(out).writerows(rows)
    return out.getvalue()


def _cell(item: Any, path: str) -> str:
    for name in path.split("."):
        item = item.get(name, "") if isinstance(item, dict) else ""
    text = str(item).lower() if isinstance(item, bool) else str(item)
    if path.endswith(("_time", "_before")):
        # a moment as spreadsheets read it: 2026-11-27 22:35:01
        return text[:19].replace("T", " ")
    return shown_as_text(text)


def shown_as_text(text: str) -> str:
    """Return a cell that no spreadsheet runs: what somebody has written stays a text."""
    return f"{QUOTE}{text}" if text.startswith((QUOTE, *SPREADSHEET_FORMULA)) else text
