"""`fusionxpay demo`: every hop once, three parties that agree, and nothing left behind."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import uuid
from itertools import takewhile

import httpx
import psutil

from cli.hops import HOPS

MARK = "FUSIONXPAY_TEST_DEMO"


def left_behind(mark: str) -> list[psutil.Process]:
    """Return the processes that the demo started and did not end: they inherit its environment."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(MARK) == mark:
                found.append(process)
        except (psutil.AccessDenied, psutil.NoSuchProcess, psutil.ZombieProcess):
            continue
    return found


def test_demo_shows_each_hop_once_and_leaves_nothing_behind() -> None:
    mark = str(uuid.uuid4())
    command = [sys.executable, "-u", "-m", "cli", "demo", "--stay"]
    environment = os.environ | {MARK: mark, "COLUMNS": "200"}
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as demo:
        assert demo.stdout
        killer = threading.Timer(120, demo.kill)
        killer.start()
        said = "".join(takewhile(lambda line: "Ctrl-C" not in line, demo.stdout))
        looked_at = console_of(said) if demo.poll() is None else ""
        demo.send_signal(signal.SIGINT)
        said += demo.stdout.read()
        status = demo.wait()
        killer.cancel()
    assert status == 0, said
    rows = [line.split("│")[3].strip() for line in said.splitlines() if line.count("│") == 5]
    assert rows[: len(HOPS)] == [hop.what for hop in HOPS]
    assert "All parties agree" in said
    for told in ("PARTIALLY_REFUNDED", "provider: paypal:CHECKOUT.ORDER.APPROVED", "4.50 EUR"):
        assert told in said
    assert looked_at.count("/console/orders/") == 2
    assert left_behind(mark) == []


def console_of(said: str) -> str:
    """Log in as it was said, and return the page of the orders."""
    found = re.search(r"Console: (\S+)\s+as (\S+) or \S+, password\s+(\S+)", said)
    assert found, said
    url, email, password = found.groups()
    with httpx.Client(follow_redirects=True, headers={"origin": url.removesuffix("/console")}) as browser:
        browser.post(f"{url}/login", data={"email": email, "password": password})
        return browser.get(f"{url}/orders").text
