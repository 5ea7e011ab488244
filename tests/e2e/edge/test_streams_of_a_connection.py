"""What one connection has room for: a client for threads has one for all of them."""

from __future__ import annotations

import socket
import struct
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from urllib.parse import urlsplit

from fusionxpay_client import FusionXPay
from stack.stack import Ready
from tests.support.merchant.api import Merchant
from tests.support.waiting import PATIENCE

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
SETTINGS, MAX_CONCURRENT_STREAMS = 4, 3
THREADS = 40


def test_connection_has_as_many_streams_as_the_standard_asks_for(gateway: Ready) -> None:
    """RFC 9113, 6.5.2: no fewer than 100."""
    url = urlsplit(gateway.edge_url)
    with socket.create_connection((url.hostname, url.port), PATIENCE) as connection, connection.makefile("rb") as told:
        connection.sendall(PREFACE + struct.pack(">IBI", SETTINGS, 0, 0))
        length, kind = struct.unpack(">IB", b"\0" + told.read(4))
        told.read(5)
        assert kind == SETTINGS
        said = dict(struct.iter_unpack(">HI", told.read(length)))
    assert said[MAX_CONCURRENT_STREAMS] >= 100


def test_one_client_serves_forty_threads(gateway: Ready, merchant: Merchant) -> None:
    ready = Barrier(THREADS)
    with FusionXPay(merchant.secret, gateway.edge_url) as client, ThreadPoolExecutor(THREADS) as threads:

        def create(number: int) -> str:
            ready.wait(PATIENCE)
            return client.orders.create(amount=("1.00", "EUR"), merchant_order_id=f"{number}").order_id

        assert len({*threads.map(create, range(THREADS))}) == THREADS
