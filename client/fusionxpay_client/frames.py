"""A stream of Server-Sent Events, as it comes in pieces, and where to go on when it ends (WHATWG HTML, 9.2)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fusionx.notify.v1.event_pb2 import Event

from fusionxpay_client.webhooks import event_of_json


class Frames:
    """What came of a stream so far. `retry` is how many seconds to wait before it is opened again."""

    def __init__(self, request: Any) -> None:
        self._request = type(request)()
        self._request.CopyFrom(request)
        self._rest = b""
        self.retry = 1.0

    def request(self) -> bytes:
        """Return the request that opens the stream, or opens it again after the last event that was yielded."""
        # what the old stream broke off in the middle of comes again in the new one
        self._rest = b""
        return bytes(self._request.SerializeToString())

    def events_in(self, piece: bytes) -> Iterator[Event]:
        """Yield the events that a piece of the stream completes."""
        *frames, self._rest = (self._rest + piece).split(b"\n\n")
        for frame in frames:
            fields = _fields_of(frame.decode())
            if "retry" in fields:
                self.retry = int(fields["retry"]) / 1000
            # before the event is handed out, so that who closes the stream there has it behind
            if "id" in fields:
                self._request.last_event_id = fields["id"]
            if "data" in fields:
                yield event_of_json(fields["data"])


def _fields_of(frame: str) -> dict[str, str]:
    """Return a frame's fields. Comments, which only keep the stream open, begin with a colon and are none."""
    fields = (line.partition(":") for line in frame.split("\n") if not line.startswith(":"))
    return {name: value.removeprefix(" ") for name, _, value in fields if name}
