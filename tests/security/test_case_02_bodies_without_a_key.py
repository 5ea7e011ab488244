"""Case 2: nobody's body is taken who has shown no key, so that unfinished ones use up no memory of Envoy's."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from urllib.parse import urlsplit

import httpx
import pytest

from stack.stack import Ready
from tests.support.merchant.api import Merchant
from tests.support.net.raw_http import (
    END_HEADERS,
    HEADERS,
    PREFACE,
    SETTINGS,
    connected,
    frame,
    frames,
    request_headers,
)
from tests.support.stack.edges import Edges
from tests.support.waiting import eventually

LENGTH = 63 * 1024
MANY = 400
MEMORY = 40 << 20
"""What an Envoy without traffic takes and as much again, and less than many unfinished bodies take."""


def unfinished(path: str, length: int = LENGTH, *, key: str = "") -> bytes:
    """Return a request that lacks the last byte of its body."""
    head = [f"POST {path} HTTP/1.1", "Host: gateway", "Content-Type: application/json", f"Content-Length: {length}"]
    head += [f"Authorization: {key}"] if key else []
    return "\r\n".join(head).encode() + b"\r\n\r\n" + b" " * (length - 1)


def status_of(connection: socket.socket) -> int:
    """Wait for an answer and return its status; 0 when the server has closed instead."""
    try:
        return int(connection.recv(65536)[9:12] or 0)
    except ConnectionResetError:
        return 0


@contextmanager
def sent(url: str, requests: int, request: bytes) -> Iterator[list[socket.socket]]:
    """Send a request by many connections, and hold these open."""
    with ExitStack() as undo:
        connections = [undo.enter_context(connected(url)) for _ in range(requests)]
        for connection in connections:
            connection.sendall(request)
        yield connections


@pytest.mark.parametrize("key", ["", "Bearer sk_test_" + "A" * 43])
def test_body_is_not_waited_for_without_a_key(key: str, gateway: Ready) -> None:
    with connected(gateway.edge_url) as connection:
        connection.sendall(unfinished("/v1/orders", key=key))
        assert status_of(connection) == 401


def test_body_of_native_grpc_is_not_waited_for_without_a_key(gateway: Ready) -> None:
    fields = {"content-type": "application/grpc", "te": "trailers"}
    block = request_headers("/fusionx.order.v1.OrderService/CreateOrder", urlsplit(gateway.edge_url).netloc, fields)
    with connected(gateway.edge_url) as connection:
        connection.settimeout(10)  # less than what a whole request may take
        connection.sendall(PREFACE + frame(SETTINGS, 0, 0) + frame(HEADERS, END_HEADERS, 1, block))
        assert any(kind == HEADERS for kind, stream, _ in frames(connection) if stream == 1)


@pytest.mark.parametrize(("path", "length"), [("/v1/orders", LENGTH), ("/v1/webhooks/stripe", 4 * LENGTH)])
def test_good_keys_are_served_beside_unfinished_bodies(
    path: str, length: int, edges: Edges, merchant: Merchant
) -> None:
    """Those of webhooks, which carry no key, are given up when memory runs short."""
    url = edges.envoy(max_heap_bytes=MEMORY, stranger_requests_per_second=10_000, stranger_webhooks_per_second=10_000)
    headers = {"authorization": f"Bearer {merchant.secret}"}

    def served() -> bool:
        return httpx.get(f"{url}/v1/orders", headers=headers, timeout=30).status_code == 200

    with sent(url, MANY, unfinished(path, length)):
        eventually(served, "an answer to a good key", seconds=5)


def test_unfinished_webhooks_of_one_address_are_few(edges: Edges) -> None:
    url = edges.envoy(stranger_webhooks_per_second=1)
    with sent(url, 20, unfinished("/v1/webhooks/stripe")) as connections:
        # five of them wait for their last byte
        assert [status_of(connection) for connection in connections[10:]] == [429] * 10
