"""A merchant's own server: it records the webhooks that it gets, and misbehaves when it is told to."""

from __future__ import annotations

import sys
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from standardwebhooks import Webhook

from tests.support.waiting import PATIENCE, eventually

Json = dict[str, Any]
FAILED = 500


@dataclass(frozen=True)
class Received:
    """One request as it came in, and how it was answered."""

    headers: Mapping[str, str]
    body: bytes
    status: int


class Receiver:
    """An HTTP server on a port of its own.

    `secret` is what the gateway answered when the URL was registered; every body is verified with it by the public
    Standard Webhooks library before a test sees it.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.secret = ""
        self.requests: list[Received] = []
        self.retry_after = ""
        """Sent along with what fails, where there is something."""
        self._failures = 0
        self._gate = threading.Event()
        self._gate.set()
        self._lock = threading.Lock()

    def fail_next(self, count: int) -> None:
        """Answer 500 to the next requests."""
        self._failures = count

    @contextmanager
    def hanging(self) -> Iterator[None]:
        """Answer nothing while the block runs."""
        self._gate.clear()
        try:
            yield
        finally:
            self._gate.set()

    def take(self, headers: Mapping[str, str], body: bytes) -> int:
        """Record a request and return the status to answer with."""
        with self._lock:
            status = FAILED if self._failures else 204
            self._failures = max(0, self._failures - 1)
            self.requests.append(Received(headers, body, status))
        self._gate.wait(PATIENCE)
        return status

    def events(self) -> list[dict[str, Any]]:
        """Return every event that came in, in its order of arrival, verified."""
        webhook = Webhook(self.secret)
        return [webhook.verify(request.body, dict(request.headers)) for request in list(self.requests)]

    def wait_for(self, event_type: str, *, count: int = 1, seconds: float = PATIENCE) -> list[dict[str, Any]]:
        """Wait until `count` different events of a type have come, and return them."""

        def arrived() -> list[dict[str, Any]]:
            found = {event["id"]: event for event in self.events() if event["type"] == event_type}
            return list(found.values()) if len(found) >= count else []

        return eventually(arrived, f"{count} x {event_type}", seconds=seconds)

    def wait_for_state(self, resource_id: str, wanted: Callable[[Json], bool]) -> Json:
        """Wait until a resource was told of in a wanted state, and return that state."""

        def told() -> Json:
            for event in self.events():
                kind, resource = next(iter(event["data"].items()))
                if resource[f"{kind}_id"] == resource_id and wanted(resource):
                    return dict(resource)
            return {}

        return eventually(told, f"the wanted state of {resource_id}")

    def histories(self) -> dict[str, list[tuple[int, str]]]:
        """Return by resource the versions that were told of, each once, in the order in which they first came."""
        found: dict[str, list[tuple[int, str]]] = defaultdict(list)
        seen: set[str] = set()
        for event in self.events():
            kind, resource = next(iter(event["data"].items()))
            if event["id"] not in seen:
                seen.add(event["id"])
                found[resource[f"{kind}_id"]].append((resource["version"], event["type"]))
        return dict(found)


class Server(ThreadingHTTPServer):
    """A server that does not print a traceback when whoever it talks to is killed."""

    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Tell only of errors of its own."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


@contextmanager
def serving() -> Iterator[Receiver]:
    """Run a receiver."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            length = int(self.headers.get("content-length", 0))
            body = self.rfile.read(length)
            if len(body) < length:
                # whoever sent it was killed in the middle: no request, and nobody is there to be answered
                self.close_connection = True
                return
            status = receiver.take({name.lower(): value for name, value in self.headers.items()}, body)
            self.send_response(status)
            self.send_header("content-length", "0")
            if status == FAILED and receiver.retry_after:
                self.send_header("retry-after", receiver.retry_after)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Keep the test's output clean."""

    with Server(("127.0.0.1", 0), Handler) as server:
        receiver = Receiver(f"http://127.0.0.1:{server.server_address[1]}/webhooks")
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield receiver
        server.shutdown()
