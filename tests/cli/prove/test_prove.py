"""The short form of `make prove`."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

# a stack of its own that is killed all the time: nothing is shared with it
pytestmark = pytest.mark.xdist_group("prove")
BROKEN = ("lost", "charged twice", "given back", "refunds wrong", "answers untrue", "events missing")


def test_nothing_is_lost_and_nobody_is_charged_twice() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "cli", "prove", "--minutes", "0.3", "--seed", "1", "--settle", "45"],
        env=os.environ | {"COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    counts = {name: int(count) for name, count in re.findall(r"│ ([a-z ]+?) +│ (\d+) +│", done.stdout)}
    assert {counts[name] for name in BROKEN} == {0}
    # or it has proven nothing
    assert min(counts["captures"], counts["kills"], counts["faults"]) > 3
