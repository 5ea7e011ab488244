"""What the tests hold in their hands: the real sandbox process, and a receiver of its webhooks."""

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import httpx
import stripe

from tests.support.waiting import PATIENCE, eventually

SECRET = "whsec_test_of_the_sandbox"
KEY = "sk_test_of_the_sandbox"
CLIENT = ("paypal_client_of_the_tests", "paypal_secret_of_the_tests")
WEBHOOK_ID = "WH-OF-THE-TESTS"
BANK_KEY = "bank_key_of_the_tests"

JSON = dict[str, Any]
Pay = Callable[..., stripe.PaymentIntent]


@dataclass
class Received:
    """One webhook as it came in."""

    body: bytes
    signature: str
    path: str
    headers: Message = field(default_factory=Message)

    def verify(self) -> stripe.Event:
        event: stripe.Event = stripe.Webhook.construct_event(self.body, self.signature, SECRET)
        return event


@dataclass
class Receiver:
    """A webhook endpoint; answers 200 unless told otherwise for an order."""

    port: int
    inbox: list[Received] = field(default_factory=list)
    answers: dict[str, list[int]] = field(default_factory=dict)
    changed: threading.Condition = field(default_factory=threading.Condition)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/webhooks/stripe"

    def take(self, received: Received) -> int:
        with self.changed:
            self.inbox.append(received)
            self.changed.notify_all()
            for needle, statuses in self.answers.items():
                if needle.encode() in received.body and statuses:
                    return statuses.pop(0)
        return 200

    def about(self, needle: str, event_type: str | None = None) -> list[Received]:
        """What has come in that mentions an id, in the order of arrival."""
        wanted = f'type": "{event_type}"' if event_type else ""
        return [r for r in self.inbox if needle.encode() in r.body and wanted.encode() in r.body]

    def wait(self, needle: str, event_type: str | None = None, count: int = 1) -> list[Received]:
        with self.changed:
            arrived = self.changed.wait_for(lambda: len(self.about(needle, event_type)) >= count, PATIENCE)
        assert arrived, f"no {count} × {event_type} for {needle}: {[r.body[:400] for r in self.about(needle)]}"
        return self.about(needle, event_type)


def handler_for(receiver: Receiver) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status = receiver.take(Received(body, self.headers.get("Stripe-Signature", ""), self.path, self.headers))
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            pass

    return Handler


@dataclass
class Sandbox:
    """A running `python -m sandbox`."""

    port: int
    folder: Path
    webhook_url: str
    settings: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None
    module: str = "sandbox"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        return (self.folder / "sandbox.log").read_text()

    def start(self) -> None:
        environment = {
            **os.environ,
            "SANDBOX_LISTEN": f"127.0.0.1:{self.port}",
            "SANDBOX_DATABASE": str(self.folder / "sandbox.sqlite3"),
            "SANDBOX_STRIPE_API_KEY": KEY,
            "SANDBOX_STRIPE_WEBHOOK_SECRET": SECRET,
            "SANDBOX_STRIPE_WEBHOOK_URL": self.webhook_url,
            "SANDBOX_PAYPAL_CLIENT_ID": CLIENT[0],
            "SANDBOX_PAYPAL_CLIENT_SECRET": CLIENT[1],
            "SANDBOX_PAYPAL_WEBHOOK_URL": self.webhook_url.replace("/stripe", "/paypal"),
            "SANDBOX_PAYPAL_WEBHOOK_ID": WEBHOOK_ID,
            "SANDBOX_BANK_TRANSFER_API_KEY": BANK_KEY,
            "SANDBOX_BANK_TRANSFER_WEBHOOK_URL": self.webhook_url.replace("/stripe", "/bank_transfer"),
            "SANDBOX_BANK_TRANSFER_WEBHOOK_SECRET": SECRET,
            "SANDBOX_WEBHOOK_RETRY_SECONDS": "0.1,0.1,0.2,0.5,1,2",
            "SANDBOX_SETTLE_SECONDS": "0.1",
            **self.settings,
        }
        with (self.folder / "sandbox.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", self.module], env=environment, stdout=log, stderr=log
            )
        eventually(self.healthy, "the sandbox to be healthy")

    def healthy(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self.log
        try:
            return httpx.get(f"{self.url}/_sandbox/health").status_code == 200
        except httpx.TransportError:
            return False

    def stop(self, with_signal: signal.Signals = signal.SIGTERM) -> int:
        assert self.process is not None
        self.process.send_signal(with_signal)
        return self.process.wait(PATIENCE)

    def client(self, **options: Any) -> stripe.StripeClient:
        return stripe.StripeClient(KEY, base_addresses={"api": self.url}, **options)

    def get(self, path: str, **query: Any) -> JSON:
        return content_of(httpx.get(f"{self.url}/_sandbox/{path}", params=query))

    def post(self, path: str, **body: Any) -> JSON:
        return content_of(httpx.post(f"{self.url}/_sandbox/{path}", json=body))

    def delete(self, path: str) -> JSON:
        return content_of(httpx.delete(f"{self.url}/_sandbox/{path}"))


def content_of(answer: httpx.Response) -> JSON:
    """What an answer says, which must be a good one."""
    content: JSON = answer.raise_for_status().json()
    return content


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
