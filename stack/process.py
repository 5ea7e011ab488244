"""One supervised child process: start, readiness, stop with grace, kill, and no survivor after its parent."""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import psutil

from stack.orphans import MARK, end_writers

PR_SET_PDEATHSIG = 1
LAUNCHER = Path(__file__).with_name("launch.py")
TAIL_BYTES = 2000
POLL_SECONDS = 0.02


class StackError(Exception):
    """A part of the stack cannot run. The message names the setting or the log file to look at."""


@dataclass(frozen=True)
class User:
    """The system user that a child runs as."""

    uid: int
    gid: int


@dataclass(frozen=True)
class Command:
    """What to run. Secrets belong in `env`, which only the child's user can read; `argv` is public."""

    argv: Sequence[str | Path]
    env: Mapping[str, str] = field(repr=False)
    cwd: Path
    user: User | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    orphan_signal: signal.Signals = signal.SIGKILL
    fds: Sequence[int] = ()
    """What it inherits of our files, beside its output."""
    forks: Forks | None = field(default=None, repr=False)
    """Who may fork it, instead of its being begun anew."""


class Running(Protocol):
    """A process that was started, as `subprocess.Popen` has it."""

    @property
    def pid(self) -> int:
        """Its id."""
        ...

    def poll(self) -> int | None:
        """Return how it ended; None while it runs."""
        ...

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end. Raises subprocess.TimeoutExpired."""
        ...

    def send_signal(self, sig: int) -> None:
        """Send a signal, unless it has ended."""
        ...

    def kill(self) -> None:
        """End it."""
        ...


class Forks(Protocol):
    """Forks processes that would be begun anew otherwise."""

    def can_be(self, argv: Sequence[str | Path], env: Mapping[str, str]) -> bool:
        """Whether a process begun as this would be no other than a fork."""
        ...

    def fork(self, argv: Sequence[str | Path], env: Mapping[str, str], cwd: Path, log: Path) -> Running | None:
        """Return a fork that goes on as that process; None when there is none to be had."""
        ...


class Child:
    """A process of ours, in a session of its own, that dies with us whatever way we die.

    `ready` says whether a server answers; a child without it is a job, ready once it has ended with status 0.
    `prepare` runs before each start.
    """

    def __init__(
        self,
        name: str,
        command: Command,
        log: Path,
        ready: Callable[[], bool] | None = None,
        prepare: Callable[[], None] | None = None,
    ) -> None:
        self.name = name
        self.log = log
        self._command = command
        self._ready = ready
        self._prepare = prepare
        self._process: Running | None = None
        self._log_start = 0

    @property
    def pid(self) -> int | None:
        """The process id while it runs."""
        return self._process.pid if self._process and self._process.poll() is None else None

    @property
    def is_job(self) -> bool:
        """Whether it is meant to end by itself."""
        return self._ready is None

    def start(self) -> None:
        """Start the process; a running one is left alone.

        Raises:
            StackError: the program cannot be run, or its log cannot be opened.
            RuntimeError: called outside the main thread.
        """
        if threading.current_thread() is not threading.main_thread():
            # The kernel sends the death signal when the starting *thread* ends, not the process.
            raise RuntimeError("children are started from the main thread only")
        if self.pid is not None:
            return
        try:
            if self._process is not None:
                end_writers(self.log)
            if self._prepare is not None:
                self._prepare()
            self._run(self._command)
        except OSError as error:
            raise StackError(f"{self.name} cannot be run: {error}") from error

    def _run(self, command: Command) -> None:
        env = {**command.env, MARK: self.name}
        with self.log.open("ab") as log:
            self._log_start = log.tell()
            if command.forks and command.forks.can_be(command.argv, env):
                self._process = command.forks.fork(command.argv, env, command.cwd, self.log)
                if self._process:
                    return
            self._process = subprocess.Popen(
                _dying_with_us(command),
                env=env,
                cwd=command.cwd,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                pass_fds=command.fds,
                # never used where the launcher can be: see `stack/launch.py`
                preexec_fn=None if _can_launch() else _arm(command),  # noqa: PLW1509
            )

    def poll_ready(self) -> bool:
        """Tell whether it is ready, without waiting.

        Raises:
            StackError: the process has ended; the message carries the end of its log.
        """
        status = self._process.poll() if self._process else None
        if self._ready is None:
            if status:
                raise StackError(self._obituary(f"failed with status {status}"))
            return status == 0
        if self._process is None or status is not None:
            raise StackError(self._obituary(f"ended with status {status}"))
        return self._ready()

    def wait_ready(self, timeout: float) -> None:
        """Wait until it is ready.

        Raises:
            StackError: it has ended, or is not ready in time.
        """
        deadline = time.monotonic() + timeout
        while not self.poll_ready():
            if time.monotonic() > deadline:
                raise StackError(self._obituary(f"is not ready after {timeout:g} s"))
            time.sleep(POLL_SECONDS)

    def terminate(self, number: signal.Signals | None = None) -> None:
        """Ask the process to end, and return at once; by another signal than its own where one is given."""
        if self._process and self._process.poll() is None:
            self._process.send_signal(number or self._command.stop_signal)

    def wait(self, timeout: float) -> bool:
        """Wait for the end of the process; return whether it has come."""
        if self._process is None:
            return True
        try:
            self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            return False
        return True

    def kill(self) -> None:
        """End the process and all that it started with SIGKILL, and wait until they are gone."""
        if self._process is None or self._process.poll() is not None:
            return
        # PostgreSQL's backends leave the process group, so the group alone would miss them.
        try:
            doomed = psutil.Process(self._process.pid).children(recursive=True)
        except psutil.NoSuchProcess:
            doomed = []
        self._process.kill()
        for process in doomed:
            try:
                process.kill()
            except psutil.NoSuchProcess:
                continue
        self._process.wait()
        psutil.wait_procs(doomed, timeout=5)

    def stop(self, grace: float) -> None:
        """End the process: politely, and after `grace` seconds by SIGKILL."""
        stop_all([self], grace)

    def _obituary(self, what: str) -> str:
        tail = ""
        with suppress(OSError), self.log.open("rb") as log:
            size = log.seek(0, os.SEEK_END)
            # a log that was rotated meanwhile has begun anew
            start = self._log_start if self._log_start <= size else 0
            log.seek(max(start, size - TAIL_BYTES))
            tail = log.read().decode(errors="replace").strip()
        return f"{self.name} {what}; its log {self.log} ends with:\n{tail or '(nothing)'}"


def stop_all(children: Iterable[Child], grace: float, number: signal.Signals | None = None) -> None:
    """End several processes at the same time, as `terminate` does; those left after `grace` seconds get SIGKILL."""
    children = list(children)
    for child in children:
        child.terminate(number)
    deadline = time.monotonic() + grace
    for child in children:
        if not child.wait(max(0.0, deadline - time.monotonic())):
            child.kill()


def _dying_with_us(command: Command) -> list[str]:
    """Return what starts a command so that the kernel sends it `orphan_signal` when this process is gone.

    Raises OSError when there is no such program.
    """
    program = shutil.which(os.fspath(command.argv[0]), path=command.env.get("PATH", os.defpath))
    if program is None:
        raise FileNotFoundError(f"no such program: {command.argv[0]}")
    if not _can_launch():
        return [program, *(os.fspath(part) for part in command.argv[1:])]
    user = f"{command.user.uid}:{command.user.gid}" if command.user else "-"
    launcher = [
        sys.executable,
        "-I",
        "-S",
        os.fspath(LAUNCHER),
        str(int(command.orphan_signal)),
        str(os.getpid()),
        user,
    ]
    return [*launcher, program, *(os.fspath(part) for part in command.argv[1:])]


def _can_launch() -> bool:
    """Whether this process may run its own Python: not where it has given up the rights that it was started with."""
    return os.access(sys.executable, os.X_OK)


def _arm(command: Command) -> Callable[[], None]:
    """Return what a new child calls by itself instead: two system calls, no lock."""
    parent, number, prctl = os.getpid(), int(command.orphan_signal), ctypes.CDLL(None).prctl

    def arm() -> None:
        prctl(PR_SET_PDEATHSIG, number)
        if os.getppid() != parent:
            os._exit(1)

    return arm
