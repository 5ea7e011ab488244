"""Processes that have outlived the stack that started them, found by the log that they write to.

A child and all that it starts have their standard error in a log of the data folder, whatever becomes of their parent,
their session and their title. Source: proc(5), `/proc/[pid]/fd`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil

STDERR = 2
PATIENCE_SECONDS = 2.0
"""How long what is left may take to end by itself: each has had its signal, when its parent ended."""


def writers(logs: Path) -> Iterator[psutil.Process]:
    """Yield the processes whose standard error is this file, or one in this folder; those of others are not seen."""
    for pid in psutil.pids():
        with suppress(OSError, psutil.NoSuchProcess):
            target = Path(os.readlink(f"/proc/{pid}/fd/{STDERR}"))
            if pid != os.getpid() and logs in (target, target.parent):
                yield psutil.Process(pid)


def end_writers(logs: Path, patience: float = PATIENCE_SECONDS) -> list[int]:
    """Wait for the end of the processes that write there, by SIGKILL after `patience` seconds; return their pids.

    PostgreSQL's backends need it: one that calculates does not see that its server is gone, and holds the memory that
    the next server asks for.
    """
    found = list(writers(logs))
    _, stubborn = psutil.wait_procs(found, timeout=patience)
    for process in stubborn:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(stubborn, timeout=10)
    return [process.pid for process in found]
