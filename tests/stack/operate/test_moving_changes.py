"""PostgreSQL's messages of changes, as it writes them."""

from __future__ import annotations

import struct

from stack.operate.moving.book import Column, MovedTable
from stack.operate.moving.changes import Keys, Reader

TABLE = MovedTable(
    "deliveries",
    [Column("note", "text", False, -1), Column("number", "integer", True, 1), Column("owner", "uuid", False, 0)],
    None,
)


def _relation(number: int, *columns: str) -> bytes:
    named = b"".join(b"\1" + name.encode() + b"\0" + struct.pack("!Ii", 25, -1) for name in columns)
    return b"R" + struct.pack("!I", number) + b"public\0deliveries\0d" + struct.pack("!h", len(columns)) + named


def _tuple(kind: bytes, *values: str) -> bytes:
    written = b"".join(b"t" + struct.pack("!I", len(value)) + value.encode() for value in values)
    return kind + struct.pack("!h", len(values)) + written


def test_keys_are_read_in_the_order_of_the_primary_key() -> None:
    changed: dict[str, Keys] = {"deliveries": set()}
    reader, row = Reader([TABLE]), struct.pack("!I", 7)
    messages = [
        b"B" + bytes(20),
        _relation(7, "number", "owner"),
        b"I" + row + _tuple(b"N", "1", "a"),
        b"U" + row + _tuple(b"K", "2", "b") + _tuple(b"N", "3", "b"),
        b"D" + row + _tuple(b"K", "4", "d"),
        b"C" + bytes(25),
    ]
    for message in messages:
        reader.read(message, changed)
    assert changed == {"deliveries": {("a", "1"), ("b", "2"), ("b", "3"), ("d", "4")}}
