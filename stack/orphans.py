"""Processes that have outlived the stack that started them, found by the log that they write to.

A child and all that it starts have their standard error in a log of the data folder, whatever becomes of their parent,
their session and their title. So may what is none of ours, such as the shell that sends what `fusionxpay up` says
there: ours carry a mark in their environment besides. Source: proc(5), `/proc/[pid]/fd`, `/proc/[pid]/environ`.
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
MARK = "CHILD_OF_A_STACK"
"""The variable that each child has in its environment, and so has what it starts."""


def writers(logs: Path) -> Iterator[psutil.Process]:
    """Yield the children of stacks whose standard error is this file, or one in this folder.

    Those of other users are not seen, and what this process descends from is not meant.
    """
    ours = {os.getpid(), *(process.pid for process in psutil.Process().parents())}
    for pid in psutil.pids():
        with suppress(OSError, psutil.Error):
            target = Path(os.readlink(f"/proc/{pid}/fd/{STDERR}"))
            if pid not in ours and logs in (target, target.parent) and _is_child(pid):
                yield psutil.Process(pid)


def _is_child(pid: int) -> bool:
    """Whether it carries the mark, or is of those that write their title over it. Raises OSError."""
    environment = Path(f"/proc/{pid}/environ").read_bytes()
    if any(entry.startswith(f"{MARK}=".encode()) for entry in environment.split(b"\0")):
        return True
    # PostgreSQL's backends and Valkey: what is left is no environment, and each leads a session
    return bool(environment) and b"=" not in environment and os.getsid(pid) == pid


def end_writers(logs: Path, patience: float = PATIENCE_SECONDS) -> list[int]:
    """Wait for the end of the children that write there, by SIGKILL after `patience` seconds; return their pids.

    PostgreSQL's backends need it: one that calculates does not see that its server is gone, and holds the memory that
    the next server asks for.
    """
    found = list(writers(logs))
    _, stubborn = psutil.wait_procs(found, timeout=patience)
    for process in stubborn:
        with suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(stubborn, timeout=10)
    return [process.pid for process in found]
