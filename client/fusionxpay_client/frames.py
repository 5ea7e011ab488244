"""A stream of events over as many connections as it takes: what opens the next one, and the events that come."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fusionxpay_client.models import Event
from fusionxpay_client.sse import EventSource
from fusionxpay_client.webhooks import event_of_json


class Frames:
    """What came of a stream so far."""

    def __init__(self, request: Any) -> None:
        self._request = type(request)()
        self._request.CopyFrom(request)
        self._source = EventSource(request.last_event_id)

    @property
    def retry(self) -> float:
        """How many seconds to wait before the stream is opened again."""
        return self._source.retry_seconds

    def request(self) -> bytes:
        """Return the request that opens the stream, or opens it again after the last event that was yielded."""
        self._source.restart()
        self._request.last_event_id = self._source.last_event_id
        return bytes(self._request.SerializeToString())

    def events_in(self, piece: bytes) -> Iterator[Event]:
        """Yield the events that a piece of the stream completes."""
        return (event_of_json(message.data) for message in self._source.feed(piece))
