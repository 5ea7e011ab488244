"""Reading Server-Sent Events. Source: WHATWG HTML, "Server-sent events", interpreting an event stream."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Message:
    """An event of a stream."""

    type: str
    id: str
    data: str


class EventSource:
    """What is known of a stream over all of its connections: where it stands, and when to connect again."""

    def __init__(self, last_event_id: str = "") -> None:
        self.last_event_id = last_event_id
        self.retry_seconds = 1.0

    def messages(self, lines: Iterable[str]) -> Iterator[Message]:
        """Yield the events of one connection; what its end cuts off is dropped, and comes again with the next."""
        pending, kind, data = self.last_event_id, "", list[str]()
        for line in lines:
            if line:
                name, _, value = line.partition(":")
                value = value.removeprefix(" ")
                if name == "data":
                    data.append(value)
                elif name == "event":
                    kind = value
                elif name == "id" and "\0" not in value:
                    pending = value
                elif name == "retry" and value.isascii() and value.isdigit():
                    self.retry_seconds = int(value) / 1000
                continue
            if data:
                yield Message(kind or "message", pending, "\n".join(data))
            # only now: who was stopped while it worked on an event gets it again
            self.last_event_id = pending
            kind, data = "", []
