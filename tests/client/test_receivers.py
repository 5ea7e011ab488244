"""The receivers in `examples/`, as a merchant runs them."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest

from stack.ports import HOST, Ports
from tests.support.merchant.api import Merchant
from tests.support.paths import ROOT
from tests.support.suite.packages import node_with
from tests.support.waiting import eventually

EXAMPLES = ROOT / "examples"


def with_python(_: Path) -> list[str]:
    """Return how the Python one is started."""
    return [sys.executable, str(EXAMPLES / "receiver.py")]


def with_node(folder: Path) -> list[str]:
    """Return how the Node one is started, beside the package that it needs."""
    return [node_with(folder, "standardwebhooks@1"), str(shutil.copy(EXAMPLES / "receiver.mjs", folder))]


@contextmanager
def running(command: list[str], port: int, secret: str, log: Path) -> Iterator[None]:
    """Run a receiver, which prints into a file, until the end of the block."""
    with log.open("wb") as out, ExitStack() as undo:
        receiver = subprocess.Popen([*command, str(port)], env=os.environ | {"WEBHOOK_SECRET": secret}, stdout=out)
        undo.callback(receiver.wait)
        undo.callback(receiver.terminate)
        eventually(lambda: _listens(port), "the receiver")
        yield


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) == 0


@pytest.mark.parametrize("command", [with_python, with_node])
def test_receiver_takes_each_event_once(
    command: Callable[[Path], list[str]], merchant: Merchant, tmp_path: Path
) -> None:
    start, log = command(tmp_path), tmp_path / "printed"
    with Ports() as ports:
        port = ports.take()
        url = f"http://{HOST}:{port}/"
        endpoint = merchant.post("/v1/webhook_endpoints", {"url": url})
        with running(start, port, endpoint["secret"], log):
            merchant.new_order()
            (line,) = eventually(lambda: log.read_text().splitlines(), "an event")
            event_type, event_id = line.split()
            assert event_type == "order.created"
            merchant.post(f"/v1/events/{event_id}/resend", {})
            eventually(lambda: taken(merchant, event_id) == 2, "the repetition taken")
            assert httpx.post(url, content=b"{}", headers={"webhook-id": event_id}).status_code == 400
            merchant.post(f"/v1/webhook_endpoints/{endpoint['webhook_endpoint_id']}/ping", {})
            eventually(lambda: "ping" in log.read_text(), "a ping")
    assert [printed.split()[0] for printed in log.read_text().splitlines()] == ["order.created", "ping"]


def taken(merchant: Merchant, event_id: str) -> int:
    """Return how often an event was taken."""
    (delivery,) = merchant.get(f"/v1/events/{event_id}/deliveries")["deliveries"]
    return sum(1 for attempt in delivery["attempts"] if attempt["http_status"] == 204)
