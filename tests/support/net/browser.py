"""A browser and its push service: what comes is verified as a push service does it, and read as the browser does it."""

from __future__ import annotations

import base64
import json
import secrets
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import http_ece
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.support.waiting import come_true

Json = dict[str, Any]
HALF = 32


def encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


class Browser:
    """A subscription of a browser's, and the messages that came for it."""

    def __init__(self) -> None:
        self.origin = ""
        self.statuses: list[int] = []
        """What its push service answers to the next messages; 201 afterwards."""
        self.retry_after = ""
        self.requests: list[tuple[Mapping[str, str], bytes]] = []
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._auth = secrets.token_bytes(16)

    @property
    def subscription(self) -> Json:
        """What `PushSubscription.toJSON()` says."""
        point = self._key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        keys = {"p256dh": encoded(point), "auth": encoded(self._auth)}
        return {"endpoint": f"{self.origin}/push/1", "expirationTime": None, "keys": keys}

    def message(self, number: int) -> Json:
        """Return what a request brought, decrypted."""
        headers, body = self.requests[number]
        assert headers["content-encoding"] == "aes128gcm"
        clear = http_ece.decrypt(body, private_key=self._key, auth_secret=self._auth, version="aes128gcm")
        read: Json = json.loads(clear)
        return read

    def sender(self, number: int) -> tuple[str, Json]:
        """Return who sent a request, as its public key, and what that key signed. Raises InvalidSignature."""
        scheme, _, parameters = self.requests[number][0]["authorization"].partition(" ")
        assert scheme == "vapid"
        fields = dict(field.strip().split("=", 1) for field in parameters.split(","))
        signed, _, signature = fields["t"].rpartition(".")
        raw = decoded(signature)
        both = encode_dss_signature(int.from_bytes(raw[:HALF]), int.from_bytes(raw[HALF:]))
        key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), decoded(fields["k"]))
        key.verify(both, signed.encode(), ec.ECDSA(hashes.SHA256()))
        claims: Json = json.loads(decoded(signed.split(".")[1]))
        return fields["k"], claims

    async def messages(self, count: int) -> list[Json]:
        """Wait for so many messages."""
        await come_true(lambda: len(self.requests) >= count, f"{count} messages")
        return [self.message(number) for number in range(len(self.requests))]


@contextmanager
def browsing() -> Iterator[Browser]:
    """Run the push service of a new browser."""
    browser = Browser()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            browser.requests.append(({name.lower(): value for name, value in self.headers.items()}, body))
            self.send_response(browser.statuses.pop(0) if browser.statuses else 201)
            if browser.retry_after:
                self.send_header("retry-after", browser.retry_after)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Keep the test's output clean."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        browser.origin = f"http://127.0.0.1:{server.server_address[1]}"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield browser
        server.shutdown()
