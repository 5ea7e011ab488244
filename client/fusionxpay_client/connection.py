"""Where the gateway is, and what every call carries: the key, the idempotency key, and a signature if asked for."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import struct
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from fusionxpay_client.version import VERSION

PORTS = {"http": 80, "https": 443}
# found before a call is lost on a connection that nobody ended: a dead peer, a router that forgot it
KEEPALIVE_MS = 20_000
_API_KEY = re.compile(r"[!-~]+")
MAX_ANSWER = 16 << 20


@dataclass(frozen=True)
class Connection:
    """How the gateway is reached. `root_certificates` are those of a CA of its own; None are the public ones."""

    target: str
    secure: bool
    api_key: str
    root_certificates: bytes | None = None
    signing_secret: str = ""

    @classmethod
    def to(cls, base_url: str, api_key: str, ca_file: str | Path | None, signing_secret: str) -> Connection:
        """Return how a gateway is reached by its URL.

        Raises:
            ValueError: the URL is not `https://host` or `http://host`, with a port or without, or the key is empty.
            OSError: the CA file cannot be read.
        """
        url = urlsplit(base_url)
        if url.scheme not in PORTS or not url.hostname or url.path not in ("", "/") or url.query or url.username:
            # who swaps the two would have the key in logs
            what = "an API key; the key comes first, then the address" if base_url.startswith("sk_") else repr(base_url)
            raise ValueError(f"not the address of a gateway, such as https://pay.example.com: {what}")
        if not _API_KEY.fullmatch(api_key or ""):
            raise ValueError("an API key is needed, without spaces or line ends around it")
        host = f"[{url.hostname}]" if ":" in url.hostname else url.hostname
        roots = Path(ca_file).read_bytes() if ca_file else None
        return cls(f"{host}:{url.port or PORTS[url.scheme]}", url.scheme == "https", api_key, roots, signing_secret)

    @property
    def options(self) -> list[tuple[str, str | int]]:
        """The channel's options: a gateway that comes back is found within a second or two."""
        return [
            ("grpc.primary_user_agent", f"fusionxpay-client/{VERSION}"),
            ("grpc.keepalive_time_ms", KEEPALIVE_MS),
            # a stream of events only listens
            ("grpc.http2.max_pings_without_data", 0),
            ("grpc.min_reconnect_backoff_ms", 100),
            ("grpc.initial_reconnect_backoff_ms", 100),
            ("grpc.max_reconnect_backoff_ms", 2000),
            # a page is far smaller; one resource may be larger than gRPC's own 4 MiB
            ("grpc.max_receive_message_length", MAX_ANSWER),
        ]

    def metadata(self, path: str, request: bytes, idempotency_key: str) -> tuple[tuple[str, str], ...]:
        """Return what goes along with an attempt; a signature is another one at every attempt."""
        metadata = [("authorization", f"Bearer {self.api_key}")]
        if idempotency_key:
            metadata.append(("idempotency-key", idempotency_key))
        if self.signing_secret:
            metadata.append(("fusionxpay-signature", self._signature(path, request, idempotency_key)))
        return tuple(metadata)

    def _signature(self, path: str, request: bytes, idempotency_key: str) -> str:
        """Return the signature of a request as it travels: a zero byte, its length, and its bytes."""
        stamp, nonce = str(int(time.time())), secrets.token_hex(16)
        frame = struct.pack(">BI", 0, len(request)) + request
        lines = ["POST", path, stamp, nonce, hashlib.sha256(frame).hexdigest(), idempotency_key]
        mac = hmac.new(self.signing_secret.encode(), "\n".join(lines).encode(), hashlib.sha256)
        return f"t={stamp},n={nonce},v2={mac.hexdigest()}"
