"""Answers that nobody reads: they wait where they are, and everybody else is answered over the same connection."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import httpx
import psycopg

from stack.stack import Ready
from tests.support.merchant.api import Merchant
from tests.support.net.raw_http import connected
from tests.support.stack.edges import edges_of, stat_of
from tests.support.stack.storage import copies_of
from tests.support.waiting import eventually

METADATA = {f"k{number}": "a" * 500 for number in range(50)}
COPIES = 1_500
"""How many orders of 25 kB: two files of them are three times what an upstream connection holds by Envoy's default."""
RECEIVED = "cluster.order.upstream_cx_rx_bytes_total"
QUIET = 5
"""How many times in succession next to nothing more has come, when the files wait for their readers."""
HEALTH = 10_000
"""Bytes that answers to health checks stay below meanwhile."""


def test_files_that_nobody_reads_leave_all_others_their_answers(
    gateway: Ready, merchant: Merchant, new_merchant: Callable[[], Merchant], tmp_path: Path
) -> None:
    """Two such files filled the one connection to the service, and nobody else was answered for a minute."""
    with psycopg.connect(gateway.database_urls["orders"]) as database:
        copies_of(database, merchant.new_order(metadata=METADATA)["order_id"], COPIES)
    with edges_of(gateway, tmp_path) as edges, ExitStack() as undo:
        url = edges.envoy()
        for _ in range(2):
            reader = undo.enter_context(closing(connected(url)))
            reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            asked = f"GET /v1/orders:export?format=jsonl HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {merchant.secret}"
            reader.sendall(f"{asked}\r\n\r\n".encode())
            assert reader.recv(12) == b"HTTP/1.1 200"
        growth = has_settled(tmp_path)
        eventually(lambda: next(growth), "the files to wait for their readers")
        headers = {"authorization": f"Bearer {new_merchant().secret}"}
        assert httpx.get(f"{url}/v1/orders", headers=headers, timeout=30).status_code == 200


def has_settled(folder: Path) -> Iterator[bool]:
    """Yield whether nothing but health has come from the service for a few looks."""
    last, quiet = 0, 0
    while True:
        received = stat_of(folder, RECEIVED)
        quiet = quiet + 1 if received - last < HEALTH else 0
        last = received
        yield quiet >= QUIET
