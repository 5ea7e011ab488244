"""A merchant's server, small: it takes webhooks and verifies them with the public Standard Webhooks library."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from standardwebhooks import Webhook, WebhookVerificationError

MAX_BODY = 1 << 20


@dataclass
class Receiver:
    """Listens on a free port of this machine while the `with` block runs, and keeps the events that verify."""

    secret: str = ""
    events: list[dict[str, Any]] = field(default_factory=list)
    refused: int = 0
    _arrived: threading.Condition = field(default_factory=threading.Condition)

    def __enter__(self) -> Receiver:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(min(int(self.headers.get("content-length", 0)), MAX_BODY))
                self.send_response(204 if receiver.take(body, dict(self.headers.items())) else 401)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                """Say nothing: the timeline does."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        """Where to send webhooks."""
        return f"http://127.0.0.1:{self._server.server_port}/webhooks"

    def take(self, body: bytes, headers: dict[str, str]) -> bool:
        """Verify and keep an event; return whether it is genuine."""
        try:
            event = Webhook(self.secret).verify(body, headers)
        except WebhookVerificationError:
            self.refused += 1
            return False
        with self._arrived:
            self.events.append(event if isinstance(event, dict) else json.loads(body))
            self._arrived.notify_all()
        return True

    def wait_for(self, event_type: str, timeout: float) -> dict[str, Any] | None:
        """Return the first event of a type, as soon as it is here; None when the time is over."""
        with self._arrived:
            self._arrived.wait_for(lambda: self._first(event_type) is not None, timeout)
        return self._first(event_type)

    def _first(self, event_type: str) -> dict[str, Any] | None:
        return next((event for event in self.events if event["type"] == event_type), None)
