"""Processes as a test sees them: whether one runs, what it has started, and one of its own to end."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil

from tests.support.paths import ROOT
from tests.support.waiting import eventually


def alive(pid: int) -> bool:
    """Whether the process runs: a zombie that nobody has reaped yet does not."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def family(pids: list[int]) -> list[int]:
    """The processes and all that they started."""
    return [one.pid for pid in pids for one in [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]]


class Parent:
    """A Python process of its own that runs a script, to be ended in whatever way."""

    def __init__(self, script: str, log: Path, env: dict[str, str]) -> None:
        self.log = log
        with log.open("wb") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-c", script], cwd=ROOT, env=os.environ | env, stdout=out, stderr=subprocess.STDOUT
            )

    def wait_for(self, file: Path) -> dict[str, Any]:
        """Read the JSON file that the script writes when it is ready."""
        eventually(lambda: file.exists() or self.process.poll() is not None, file.name)
        assert file.exists(), self.log.read_text()
        content: dict[str, Any] = json.loads(file.read_text())
        return content
