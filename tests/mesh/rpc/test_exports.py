"""An export holds a page at a time, goes on where the page before ended, and gives its place free however it ends."""

from __future__ import annotations

import asyncio
import gc
import json
import uuid
import weakref
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from fusionx.payment.v1 import refund_pb2
from google.protobuf.message import Message

from mesh import context
from mesh.errors import ApiError
from mesh.rpc.exports import (
    MAX_AT_A_TIME,
    MAX_OF_A_MERCHANT,
    PAGE_SIZE,
    PIECE,
    ROWS_AT_ONCE,
    Exports,
    ExportTurns,
    Sheet,
)
from mesh.storage.listing import id_at


class Item:
    """Something to be exported."""

    def __init__(self, number: int) -> None:
        self.item_id = UUID(int=number)


class Table:
    """So many items, and how many of them were held at once."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._held: weakref.WeakSet[Item] = weakref.WeakSet()
        self.most = 0

    async def read(self, after: UUID | None, limit: int) -> list[Item]:
        start = after.int + 1 if after else 1
        found = [Item(number) for number in range(start, min(start + limit, self._count + 1))]
        self._held.update(found)
        self.most = max(self.most, len(self._held))
        return found


SHEET: Sheet[Item] = Sheet(
    name="items",
    columns={"refund_id": "refund_id", "reason": "reason"},
    message_of=lambda item: refund_pb2.Refund(refund_id=str(item.item_id), reason="'tis"),
    id_of=lambda item: item.item_id,
)


@pytest.fixture(autouse=True)
def _merchant() -> None:
    _another_merchant()


def _another_merchant() -> None:
    context.enter(context.Call(trace_id="0" * 32, merchant_id=str(uuid.uuid4())))


@pytest.mark.parametrize("count", [0, 1, PAGE_SIZE, 50 * PAGE_SIZE + 1])
async def test_all_items_come_once_in_the_memory_of_two_pages(count: int) -> None:
    table, ids = Table(count), []
    gc.disable()
    try:
        async for body in Exports(SHEET, ExportTurns()).stream("jsonl", table.read):
            ids += [json.loads(line)["refund_id"] for line in body.data.splitlines()]
    finally:
        gc.enable()
    assert ids == [str(UUID(int=number)) for number in range(1, count + 1)]
    # one that is written, and the one that is read after it
    assert table.most <= 2 * PAGE_SIZE


async def test_page_that_is_large_goes_along_in_pieces() -> None:
    text = "\u4f60" * 2000
    wide = replace(SHEET, message_of=lambda item: refund_pb2.Refund(refund_id=str(item.item_id), reason=text))
    bodies = [body async for body in Exports(wide, ExportTurns()).stream("jsonl", Table(PAGE_SIZE + 1).read)]
    assert max(len(body.data) for body in bodies) <= PIECE
    assert [body.content_type for body in bodies] == ["application/x-ndjson", *[""] * (len(bodies) - 1)]
    rows = [json.loads(line) for line in b"".join(body.data for body in bodies).splitlines()]
    assert [row["reason"] for row in rows] == [text] * (PAGE_SIZE + 1)


async def test_headings_come_once_and_texts_are_kept_from_spreadsheets() -> None:
    bodies = [body async for body in Exports(SHEET, ExportTurns()).stream("", Table(PAGE_SIZE + 1).read)]
    assert [body.content_type for body in bodies] == ["text/csv; charset=utf-8", ""]
    lines = b"".join(body.data for body in bodies).decode().split("\r\n")
    assert (lines[0], lines[1], len(lines)) == ("refund_id,reason", f"{UUID(int=1)},''tis", PAGE_SIZE + 3)


async def test_exports_of_a_merchant_are_counted_until_they_end() -> None:
    turns, table = ExportTurns(), Table(3 * PAGE_SIZE)
    exports = Exports(SHEET, turns)
    open_ones = [exports.stream("csv", table.read) for _ in range(MAX_OF_A_MERCHANT)]
    for one in open_ones:
        await anext(one)
    with pytest.raises(ApiError) as refused:
        # of another kind, too
        await anext(Exports(SHEET, turns).stream("csv", table.read))
    assert refused.value.reason == "TOO_MANY_EXPORTS"
    # whose reader went away
    await open_ones[0].aclose()
    assert len([body async for body in exports.stream("csv", table.read)]) == 4


async def test_exports_that_wait_for_a_page_are_bounded_and_their_readers_keep_nobody_out() -> None:
    turns, table, gate = ExportTurns(), Table(3 * PAGE_SIZE), asyncio.Event()

    async def read(after: UUID | None, limit: int) -> list[Item]:
        await gate.wait()
        return await table.read(after, limit)

    exports = Exports(SHEET, turns)
    gate.set()
    slow = [exports.stream("csv", read) for _ in range(MAX_AT_A_TIME)]
    for one in slow:
        # its reader takes no more than the first page
        _another_merchant()
        await anext(one)
    gate.clear()

    async def whole_file() -> int:
        _another_merchant()
        return len([body async for body in exports.stream("csv", read)])

    files = [asyncio.create_task(whole_file()) for _ in range(MAX_AT_A_TIME)]
    await asyncio.sleep(0)
    _another_merchant()
    with pytest.raises(ApiError, match="others") as refused:
        await anext(exports.stream("csv", read))
    assert refused.value.reason == "TOO_MANY_EXPORTS"
    gate.set()
    assert await asyncio.gather(*files) == [4] * MAX_AT_A_TIME
    assert await whole_file() == 4


async def test_what_is_made_after_it_was_asked_for_is_not_in_the_file() -> None:
    asked = datetime(2026, 11, 1, tzinfo=UTC)
    ids = [id_at(asked, timedelta(minutes=minutes)) for minutes in (-2, -1, 0)]
    later = [id_at(asked, timedelta(minutes=2, seconds=number)) for number in range(PAGE_SIZE)]

    async def read(after: UUID | None, limit: int) -> list[Item]:
        return [Item(one.int) for one in (*ids, *later) if after is None or one > after][:limit]

    bodies = [body async for body in Exports(SHEET, ExportTurns(lambda: asked)).stream("jsonl", read)]
    found = [json.loads(line)["refund_id"] for body in bodies for line in body.data.splitlines()]
    assert found == [str(one) for one in ids]


async def test_many_exports_hold_the_loop_no_longer_than_one_and_read_one_page_at_a_time() -> None:
    turns, written, reading, most = ExportTurns(), [0], [0], [0]

    def message_of(item: Item) -> Message:
        written[0] += 1
        return SHEET.message_of(item)

    async def read(after: UUID | None, limit: int) -> list[Item]:
        reading[0] += 1
        most[0] = max(most[0], reading[0])
        await asyncio.sleep(0)
        reading[0] -= 1
        return await Table(2 * PAGE_SIZE).read(after, limit)

    async def whole_file() -> int:
        _another_merchant()
        exports = Exports(replace(SHEET, message_of=message_of), turns)
        return len(b"".join([body.data async for body in exports.stream("jsonl", read)]).splitlines())

    files = asyncio.gather(*(whole_file() for _ in range(5)))
    held = []
    while not files.done():
        before = written[0]
        await asyncio.sleep(0)
        held.append(written[0] - before)
    assert await files == [2 * PAGE_SIZE] * 5
    # what is written in one turn of the loop is what every other call waits for
    assert (max(held) <= 2 * ROWS_AT_ONCE, most) == (True, [1])
