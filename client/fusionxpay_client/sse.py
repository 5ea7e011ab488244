"""Reads Server-Sent Events as their bytes come (WHATWG HTML, 9.2.5 and 9.2.6)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

# of all that Unicode calls a line break, these three end a line here
_LINE_END = re.compile(rb"\r\n|\n|\r")
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Message:
    """An event of a stream."""

    type: str
    id: str
    data: str


class EventSource:
    """What is known of a stream over all of its connections: where it stands, and when to connect again.

    `last_event_id` is that of the last event that was complete, `retry_seconds` how long to wait before the next
    connection.
    """

    def __init__(self, last_event_id: str = "") -> None:
        self.last_event_id = last_event_id
        self.retry_seconds = 1.0
        self.restart()

    def restart(self) -> None:
        """Begin a new connection. What the end of the one before cut off is dropped: it comes again."""
        self._rest, self._begun, self._after_return = b"", False, False
        self._id, self._type = self.last_event_id, ""
        self._data: list[str] = []

    def feed(self, piece: bytes) -> Iterator[Message]:
        """Yield the events that the next bytes of the connection complete; they may be cut anywhere."""
        for line in self._lines(piece):
            if line:
                self._field(*line.decode(errors="replace").partition(":")[::2])
                continue
            # before the event is handed out, so that who stops there has it behind
            self.last_event_id = self._id
            data, kind = self._data, self._type
            self._data, self._type = [], ""
            if data:
                yield Message(kind or "message", self._id, "\n".join(data))

    def _lines(self, piece: bytes) -> list[bytes]:
        """Return the lines that a piece completes. One that ends in a carriage return is complete at once."""
        if self._after_return and piece:
            piece = piece.removeprefix(b"\n")
            self._after_return = False
        self._after_return = self._after_return or piece.endswith(b"\r")
        *lines, self._rest = _LINE_END.split(self._rest + piece)
        if lines and not self._begun:
            lines[0] = lines[0].removeprefix(_BYTE_ORDER_MARK)
            self._begun = True
        return lines

    def _field(self, name: str, value: str) -> None:
        value = value.removeprefix(" ")
        if name == "data":
            self._data.append(value)
        elif name == "event":
            self._type = value
        elif name == "id" and "\0" not in value:
            self._id = value
        elif name == "retry" and value.isascii() and value.isdigit():
            self.retry_seconds = int(value) / 1000
