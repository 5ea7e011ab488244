"""A reader of a merchant's stream of events that knows Server-Sent Events by the standard, and nothing of ours.

Source: WHATWG HTML, section 9.2.6, "Interpreting an event stream".
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import orjson

from tests.support.merchant.api import Merchant
from tests.support.waiting import eventually

PATH = "/v1/events:stream"


@dataclass(frozen=True)
class Frame:
    """An event that was dispatched."""

    id: str
    type: str
    data: str

    @property
    def document(self) -> dict[str, Any]:
        """What its data says."""
        document: dict[str, Any] = orjson.loads(self.data)
        return document


@dataclass
class Reader:
    """What a stream has said so far."""

    last_event_id: str = ""
    frames: list[Frame] = field(default_factory=list)
    comments: int = 0
    retry: int = 0
    answer: httpx.Response | None = None
    over: bool = False
    """Whether the stream has ended."""

    def wait_for(self, count: int) -> list[Frame]:
        """Wait until so many events have come, and return all."""
        eventually(lambda: len(self.frames) >= count, f"{count} events of the stream")
        return list(self.frames)

    def read(self, lines: Iterable[str]) -> None:
        """Take the lines of a stream in."""
        kind, data = "", list[str]()
        for line in lines:
            name, _, value = line.partition(":")
            value = value.removeprefix(" ")
            if not line:
                if data:
                    self.frames.append(Frame(self.last_event_id, kind or "message", "\n".join(data)))
                kind, data = "", []
            elif not name:
                self.comments += 1
            elif name == "event":
                kind = value
            elif name == "data":
                data.append(value)
            elif name == "id":
                self.last_event_id = value
            elif name == "retry":
                self.retry = int(value)


def lines_until(stop: threading.Event, answer: httpx.Response) -> Iterator[str]:
    """Yield the lines of a stream until it is to stop; heartbeats come often enough to notice.

    The gateway ends lines by a line feed. httpx would also end them at what Unicode calls a separator of lines.
    """
    rest = ""
    for piece in answer.iter_text():
        *lines, rest = (rest + piece).split("\n")
        for line in lines:
            if stop.is_set():
                return
            yield line


@contextmanager
def reading(merchant: Merchant, headers: dict[str, str] | None = None, **params: Any) -> Iterator[Reader]:
    """Read a merchant's stream while the block runs; it begins when the stream has."""
    reader, stop = Reader(), threading.Event()

    def run() -> None:
        try:
            with merchant.http.stream("GET", PATH, params=params, headers=headers) as answer:
                reader.answer = answer
                reader.read(lines_until(stop, answer))
        finally:
            reader.over = True

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        eventually(lambda: reader.retry or reader.over, "the stream")
        assert reader.retry, reader.answer
        yield reader
    finally:
        stop.set()
        thread.join(10)
