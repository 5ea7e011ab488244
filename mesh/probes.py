"""What a process answers by plain HTTP beside its RPCs: `/metrics`, and the probes `/livez` and `/readyz`.

Kubelets speak neither mutual TLS nor, for gRPC, TLS at all. The answers come from a thread of their own, so that a loop
that stands still is seen. Source: Kubernetes, "Configure Liveness, Readiness and Startup Probes".
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

from prometheus_client import make_wsgi_app
from prometheus_client.exposition import ThreadingWSGIServer

STANDSTILL_SECONDS = 15.0
"""How long the loop may stand still until the process counts as dead: longer than a pause of its machine should be."""
WAIT_SECONDS = 600.0
"""How long the thread that answers waits for somebody to ask, before it does so again."""


class Vitals:
    """How a process is, as its loop tells and other threads read."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._turned: float | None = None
        self.is_ready = False

    def turn(self) -> None:
        """Say that the loop turns."""
        self._turned = self._now()

    @property
    def is_alive(self) -> bool:
        """Whether the loop has turned lately; one that has not begun is not dead."""
        return self._turned is None or self._now() - self._turned < STANDSTILL_SECONDS


class _Quiet(WSGIRequestHandler):
    """Logs nothing: a probe a second is no news."""

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Say nothing."""


def serve(listen: str, vitals: Vitals) -> str:
    """Answer on `host:port` in a thread, and return where that is: port 0 is a free one. Raises OSError."""
    metrics = make_wsgi_app()

    def app(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if path == "/livez":
            return _answer(start, vitals.is_alive, "the event loop stands still")
        if path == "/readyz":
            return _answer(start, vitals.is_alive and vitals.is_ready, "the database is away, or the process ends")
        answer: Iterable[bytes] = metrics(environ, start)
        return answer

    host, port = listen.rsplit(":", 1)
    server = make_server(host, int(port), app, ThreadingWSGIServer, handler_class=_Quiet)
    # it ends with the process: nobody asks it to before, which it would look for twice a second
    threading.Thread(target=server.serve_forever, args=[WAIT_SECONDS], name="metrics", daemon=True).start()
    return f"{host}:{server.server_port}"


def _answer(start: Callable[..., Any], is_well: bool, what_else: str) -> list[bytes]:
    start("200 OK" if is_well else "503 Service Unavailable", [("Content-Type", "text/plain")])
    return [b"ok\n" if is_well else f"{what_else}\n".encode()]
