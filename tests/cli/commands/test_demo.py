"""`fusionxpay demo`: every hop once, three parties that agree, and nothing left behind."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid

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
    done = subprocess.run(
        [sys.executable, "-m", "cli", "demo"],
        env=os.environ | {MARK: mark, "COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    rows = [line.split("│")[3].strip() for line in done.stdout.splitlines() if line.count("│") == 5]
    assert rows[: len(HOPS)] == [hop.what for hop in HOPS]
    assert "All parties agree" in done.stdout
    for told in ("PARTIALLY_REFUNDED", "provider: paypal:CHECKOUT.ORDER.APPROVED", "4.50 EUR"):
        assert told in done.stdout
    assert left_behind(mark) == []
