"""The nightly trial of generated clients: the same tools every night, and an end."""

from __future__ import annotations

import json
import re
import shutil
import subprocess

import pytest

from tests import generated


def test_what_is_fetched_is_pinned() -> None:
    for package in generated.FOR_NODE:
        assert re.fullmatch(r".+@\d+\.\d+\.\d+", package), package
    assert all("==" in package for package in generated.FOR_PYTHON)


def test_a_list_that_never_fills_is_asked_no_longer_than_there_is_patience() -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("there is no Node here")
    call = {"method": "events.list", "path": {}, "fields": {}, "keep": {}, "until": 1}
    program = "const ask = async () => ({ data: { events: [] } });" + generated.NODE
    done = subprocess.run(
        [node, "--input-type=module", "--eval", program],
        env={"CALLS": json.dumps([call]), "PATIENCE": "0.1"},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert json.loads(done.stdout) == [{"items": []}]
