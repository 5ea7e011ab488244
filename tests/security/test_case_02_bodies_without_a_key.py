"""Case 2: nobody's body is taken who has shown no key, so that unfinished ones use up no memory of Envoy's.

Nor do connections that one address holds keep others out, whatever they wait for.
"""

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
    RST_STREAM,
    SETTINGS,
    connected,
    frame,
    frames,
    request_headers,
)
from tests.support.stack.edges import Edges
from tests.support.waiting import PATIENCE, eventually

LENGTH = 63 * 1024
MANY = 400
HELD = 1500
"""Connections of one address, or streams of HTTP/2 on fewer."""
ELSEWHERE = "127.0.0.9"
STREAMS = 100
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
def sent(url: str, requests: int, request: bytes, address: str = "") -> Iterator[list[socket.socket]]:
    """Send a request by many connections, and hold these open; from another address where one is given."""
    with ExitStack() as undo:
        connections = [undo.enter_context(connected(url, address)) for _ in range(requests)]
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


def streams(number: int) -> bytes:
    """Return a connection's beginning with so many requests of HTTP/2, none of which ends its body."""
    fields = {"content-type": "application/json", "content-length": str(LENGTH)}
    block = request_headers("/v1/webhooks/stripe", "gateway", fields)
    requests = b"".join(frame(HEADERS, END_HEADERS, 2 * index + 1, block) for index in range(number))
    return PREFACE + frame(SETTINGS, 0, 0) + requests


HEADERS_WITHOUT_END = b"GET /v1/orders HTTP/1.1\r\nHost: gateway\r\nX-Slow: "
HOLDING = {
    "nothing": b"",
    "headers without an end": HEADERS_WITHOUT_END,
    "idle after a refusal": b"GET /v1/orders HTTP/1.1\r\nHost: gateway\r\n\r\n",
    "idle HTTP/2": PREFACE + frame(SETTINGS, 0, 0),
    "streams of HTTP/2": streams(STREAMS),
}


@pytest.mark.parametrize("what", HOLDING)
def test_connections_that_one_address_holds_keep_nobody_out(what: str, edges: Edges, merchant: Merchant) -> None:
    url = edges.envoy()
    headers = {"authorization": f"Bearer {merchant.secret}"}

    def served() -> bool:
        return httpx.get(f"{url}/v1/orders", headers=headers, timeout=PATIENCE).status_code == 200

    with sent(url, HELD // (STREAMS if "streams" in what else 1), HOLDING[what], ELSEWHERE):
        for _ in range(5):
            # at the moment of the burst a request may be asked to come again, as on a machine that does much else
            eventually(served, "an answer to a good key")


def test_streams_of_a_connection_are_few(edges: Edges) -> None:
    url = edges.envoy(stranger_webhooks_per_second=1000)
    with sent(url, 1, streams(STREAMS + 1)) as [connection]:
        refused = (stream for kind, stream, _ in frames(connection) if kind == RST_STREAM)
        assert next(refused) == 2 * STREAMS + 1


def test_headers_have_their_time_and_the_handshake_has_it_too(edges: Edges) -> None:
    plain, secure = edges.redirecting_envoy(headers_timeout="1s")
    with sent(plain, 1, HEADERS_WITHOUT_END) as [slow], sent(secure, 1, b"") as [silent]:
        assert status_of(slow) == 408
        assert status_of(silent) == 0


@pytest.mark.parametrize(("spaces", "is_noted"), [(1, True), (70, True), (7_000, False)])
def test_of_a_key_with_much_space_before_it_no_note_is_kept(
    spaces: int, is_noted: bool, edges: Edges, merchant: Merchant
) -> None:
    """One key has as many forms as spaces fit in: each noted as who was accepted lately would fill Envoy's memory."""
    url = edges.envoy(stranger_requests_per_second=1)
    headers = {"authorization": f"Bearer{' ' * spaces}{merchant.secret}"}
    with httpx.Client(base_url=url, headers=headers, timeout=PATIENCE) as client:
        statuses = [client.get("/v1/orders").status_code for _ in range(30)]
    assert statuses[0] == 200
    assert (429 not in statuses) is is_noted
