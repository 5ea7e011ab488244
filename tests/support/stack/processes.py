from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

from tests.support.paths import ROOT


def wait_until(condition: Callable[[], Any], seconds: float = 20, what: str = "the condition") -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not come true within {seconds} s"
        time.sleep(0.02)


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
        wait_until(lambda: file.exists() or self.process.poll() is not None, seconds=60, what=f"{file.name}")
        assert file.exists(), self.log.read_text()
        content: dict[str, Any] = json.loads(file.read_text())
        return content
