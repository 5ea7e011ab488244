"""Receives webhooks: verifies them, takes each once, answers before it works.

    WEBHOOK_SECRET=whsec_… python examples/receiver.py 3000

Python's standard library, and the public package `standardwebhooks`.
"""

from __future__ import annotations

import os
import queue
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from standardwebhooks import Webhook

LARGEST_BODY = 1 << 20
webhook = Webhook(os.environ["WEBHOOK_SECRET"])
work: queue.Queue[dict[str, Any]] = queue.Queue()
# Yours belongs into your database, and is written with what the event changes in one transaction. What is only in
# memory when a process dies is lost: once answered, an event is not sent again by itself.
seen: set[str] = set()
lock = threading.Lock()


class Receiver(BaseHTTPRequestHandler):
    """Answers 204 to what is genuine, new or not, and 400 to everything else."""

    def do_POST(self) -> None:
        """Take a webhook."""
        length = int(self.headers.get("Content-Length") or 0)
        if length > LARGEST_BODY:
            self.answer(413)
            return
        try:
            event = webhook.verify(self.rfile.read(length), dict(self.headers.items()))
        except Exception as error:  # whatever it is that makes it not verify
            self.log_message("refused: %s", error)
            self.answer(400)
            return
        with lock:
            is_new = event["id"] not in seen
            seen.add(event["id"])
        if is_new:
            work.put(event)
        self.answer(204)

    def answer(self, status: int) -> None:
        """Answer without a body."""
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()


def handle(event: dict[str, Any]) -> None:
    """Do what the event is for; here it is only printed."""
    print(event["type"], event["id"], flush=True)  # noqa: T201


def work_off() -> None:
    """Handle what was taken, one after the other."""
    while True:
        handle(work.get())


if __name__ == "__main__":
    threading.Thread(target=work_off, daemon=True).start()
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Receiver).serve_forever()
