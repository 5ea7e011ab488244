"""A reader of the stream goes on after its last event while parts of the gateway restart: nothing missed or doubled."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from stack.stack import Stack
from tests.support.merchant.api import Merchant
from tests.support.merchant.streams import PATH, Frame, Reader, lines_until
from tests.support.slow import short_of
from tests.support.waiting import eventually

pytestmark = pytest.mark.xdist_group("chaos")
ORDERS = 8


@contextmanager
def following(merchant: Merchant) -> Iterator[Reader]:
    """Read a merchant's stream while the block runs, as a browser does: connect again with the last id."""
    reader, stop = Reader(), threading.Event()

    def run() -> None:
        while not stop.is_set():
            headers = {"Last-Event-ID": reader.last_event_id} if reader.last_event_id else {}
            try:
                with merchant.http.stream("GET", PATH, headers=headers, timeout=5) as answer:
                    if answer.status_code == 200:
                        reader.read(lines_until(stop, answer))
            except httpx.TransportError:
                pass
            stop.wait(0.05)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        eventually(lambda: reader.retry, "the stream")
        yield reader
    finally:
        stop.set()
        thread.join(10)


def order_some(merchant: Merchant) -> None:
    """Make events, whatever is out of reach just now."""
    for _ in range(ORDERS):
        merchant.insist("/v1/orders", {"amount": {"value": "1.00", "currency": "EUR"}})


def orders_of(frames: list[Frame]) -> list[str]:
    return [frame.document["data"]["order"]["order_id"] for frame in frames]


@pytest.mark.parametrize("how", short_of(["restart", "kill"], "kill"))
@pytest.mark.parametrize("component", short_of(["edge", "notify_svc", "envoy", "postgres"], "notify_svc"))
def test_reader_misses_nothing_and_gets_nothing_twice(
    component: str, how: str, stack: Stack, merchant: Merchant
) -> None:
    with following(merchant) as reader:
        order_some(merchant)
        reader.wait_for(ORDERS)
        ordering = threading.Thread(target=order_some, args=(merchant,))
        ordering.start()
        if how == "restart":
            stack.restart(component)
        else:
            stack.kill(component)
            stack.start(component)
        ordering.join()
        order_some(merchant)
        found = reader.wait_for(3 * ORDERS)
    assert len({frame.id for frame in found}) == len(found) == 3 * ORDERS
    listed = merchant.get("/v1/orders", page_size=100)["orders"]
    assert sorted(orders_of(found)) == sorted(order["order_id"] for order in listed)


@pytest.mark.slow
def test_listener_goes_on_while_everything_restarts(stack: Stack, merchant: Merchant, tmp_path: Path) -> None:
    env = os.environ | {"FUSIONXPAY_GATEWAY": stack.ready.edge_url, "FUSIONXPAY_API_KEY": merchant.secret}
    printed, said = tmp_path / "printed", tmp_path / "said"
    with printed.open("wb") as out, said.open("wb") as err:
        listener = subprocess.Popen([sys.executable, "-m", "cli", "listen", "--json"], env=env, stdout=out, stderr=err)
    try:
        eventually(lambda: "Listening" in said.read_text(), "the listener")
        for component in ("edge", "notify_svc", "envoy"):
            order_some(merchant)
            stack.restart(component)
        order_some(merchant)
        lines = eventually(lambda: _whole(printed, 4 * ORDERS), "all events printed")
    finally:
        listener.send_signal(signal.SIGINT)
        assert listener.wait(20) == 0, said.read_text()
    assert len({json.loads(line)["id"] for line in lines}) == len(lines) == 4 * ORDERS


def _whole(file: Path, count: int) -> list[str]:
    lines = file.read_text().splitlines()
    return lines if len(lines) >= count else []


def test_streams_do_not_hold_up_the_end_of_the_service(stack: Stack, merchant: Merchant) -> None:
    with following(merchant) as reader:
        order_some(merchant)
        reader.wait_for(ORDERS)
        stack.stop("notify_svc")
        log = stack.log("notify_svc").read_text().splitlines()
        stack.start("notify_svc")
        order_some(merchant)
        reader.wait_for(2 * ORDERS)
    ended = [line for line in log if '"method":"/fusionx.notify.v1.EventService/StreamEvents"' in line]
    # it ended by itself, and was not cut off
    assert '"code":"OK"' in ended[-1]
