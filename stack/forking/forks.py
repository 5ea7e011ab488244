"""The stack's side of the nursery: has services forked, and learns how they ended."""

from __future__ import annotations

import hashlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import sysconfig
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from stack.forking.nursery import HEAD, IMPORTS, MOST_BYTES, ROOM, ROOM_BYTES
from stack.forking.seed import Seed, taken
from stack.process import POLL_SECONDS, Child, Command

FORK_SECONDS = 60.0
AGAIN_SECONDS = 10.0
"""How old a nursery that has ended has to be for another one: what ends at once is no help."""
AT_START = ("PYTHON", "LD_", "MALLOC_", "GRPC_", "PROTOCOL_BUFFERS_", "TZ", "LC_", "LANG")
"""How variables begin that count when a process begins or imports: with others it cannot be a fork."""


class Forked:
    """A fork, as far as `subprocess.Popen` would be asked about it."""

    def __init__(self, nursery: Nursery, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._nursery = nursery

    def poll(self) -> int | None:
        """Return how it ended; None while it runs."""
        if self.returncode is None:
            self.returncode = self._nursery.status(self.pid)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end. Raises subprocess.TimeoutExpired."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while (status := self.poll()) is None:
            if deadline is not None and time.monotonic() > deadline:
                raise subprocess.TimeoutExpired(str(self.pid), timeout or 0.0)
            time.sleep(POLL_SECONDS)
        return status

    def send_signal(self, number: int) -> None:
        """Send a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """End it."""
        self.send_signal(signal.SIGKILL)


class Nursery:
    """The process that forks. What it has forked ends with it, and it ends with us."""

    def __init__(self, cwd: Path, log: Path, env: Mapping[str, str], imports: Sequence[str] = ()) -> None:
        """Begin it; it imports what `imports` name as well, as `nursery.IMPORTS` has them."""
        self._lock = threading.Lock()
        self._statuses: dict[int, int | None] = {}
        """Of what runs or has ended and was not asked about since."""
        self._number, self._born = 0, 0
        """Of the order that is waited for, and what was born of it."""
        self._is_unanswered = self._is_gone = False
        self._env = dict(env)
        self._folders = ("mesh", "gen", *sorted({name.partition(".")[0] for name in imports}))
        self._cwd, self._code = cwd, stamp(cwd, self._folders)
        self._child: Seed | Child
        told = {**self._env, IMPORTS: ",".join(imports)}
        if seed := taken():
            seed.tell(told, cwd, log)
            self._child, self._wire = seed, seed.wire
        else:
            self._child, self._wire = _begun({**told, ROOM: "." * ROOM_BYTES}, cwd, log)
        self._wire.setblocking(False)

    @property
    def pid(self) -> int | None:
        """Its process id while it runs."""
        return self._child.pid

    def has_ended(self) -> bool:
        """Whether it forks nobody any more, and what it had forked has ended."""
        with self._lock:
            self._listen()
            return self._is_gone

    def can_be(self, argv: Sequence[str | Path], env: Mapping[str, str]) -> bool:
        """Whether a process begun as this would be no other than a fork."""
        is_module = [os.fspath(part) for part in argv[:2]] == [sys.executable, "-m"] and len(argv) > 2
        if not is_module or self._is_gone or self._has_not_answered() or _at_start(env) != _at_start(self._env):
            return False
        # what was imported is the code of then: an update in place, and a roll after it, begin anew
        return stamp(self._cwd, self._folders) == self._code

    def fork(self, argv: Sequence[str | Path], env: Mapping[str, str], cwd: Path, log: Path) -> Forked | None:
        """Return a fork that goes on as that process; None when there is none to be had, now or later."""
        order = {"argv": [os.fspath(part) for part in argv], "env": dict(env), "cwd": str(cwd), "log": str(log)}
        until = time.monotonic() + FORK_SECONDS
        with self._lock:
            self._number, self._born, self._is_unanswered = self._number + 1, 0, True
            try:
                self._wire.send(HEAD.pack(self._number, until) + json.dumps(order).encode())
            except OSError:
                # it was not sent, as a whole or not at all
                self._is_unanswered = False
                return None
        while self._has_not_answered():
            select.select([self._wire], [], [], POLL_SECONDS)
            # what begins says so before, or ends by itself
            if time.monotonic() > until and self._has_not_answered():
                break
        with self._lock:
            return Forked(self, self._born) if self._born else None

    def status(self, pid: int) -> int | None:
        """Return how a fork ended; None while it runs."""
        with self._lock:
            self._listen()
            status = self._statuses.get(pid)
            if status is not None:
                del self._statuses[pid]
            # they have ended with it
            return -signal.SIGKILL if status is None and self._is_gone else status

    def close(self) -> None:
        """End it, and whatever of it still runs."""
        self._wire.close()
        self._is_gone = True
        self._child.kill()

    def _has_not_answered(self) -> bool:
        """Whether the last order is still one that nobody has heard of."""
        with self._lock:
            self._listen()
            return self._is_unanswered and not self._is_gone

    def _listen(self) -> None:
        """Take what the nursery and its forks have said."""
        while not self._is_gone:
            try:
                self._hear(self._wire.recv(MOST_BYTES))
            except BlockingIOError:
                return
            except OSError:
                # it has ended, and left an order unread
                self._is_gone = True

    def _hear(self, said: bytes) -> None:
        if not said:
            self._is_gone = True
            return
        told = json.loads(said)
        pid = told.get("ended")
        if pid in self._statuses:
            self._statuses[pid] = told["status"]
        if told["number"] == self._number and self._is_unanswered:
            self._is_unanswered = False
            if "born" in told:
                self._born = told["born"]
                self._statuses[self._born] = None


def _begun(env: Mapping[str, str], cwd: Path, log: Path) -> tuple[Child, socket.socket]:
    """Return a nursery that was begun, and the wire to it."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    # as long as any module's name may be, which is written in its place
    argv = [sys.executable, "-m", "stack.forking.nursery", f"{theirs.fileno():08d}"]
    child = Child("nursery", Command(argv, env, cwd, fds=(theirs.fileno(),)), log, ready=lambda: True)
    child.start()
    theirs.close()
    return child, ours


def stamp(checkout: Path, folders: Sequence[str]) -> str:
    """Return what changes with the code in these folders, or with what is installed."""
    ours = (path for folder in folders for path in (checkout / folder).rglob("*.py"))
    found = hashlib.sha256()
    for path in sorted((Path(sysconfig.get_path("purelib")), *ours)):
        # an update may keep times, take files away, or bring older ones
        seen = path.stat()
        found.update(f"{path}\0{seen.st_mtime_ns}\0{seen.st_size}\0{seen.st_ino}\n".encode())
    return found.hexdigest()


def _at_start(env: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in env.items() if name.startswith(AT_START)}


class Nurseries:
    """A nursery, and after its end another one: whoever is begun next is forked by that."""

    def __init__(self, cwd: Path, log: Path, env: Mapping[str, str], imports: Sequence[str] = ()) -> None:
        self._make = partial(Nursery, cwd, log, env, imports)
        self._current, self._begun = self._make(), time.monotonic()

    @property
    def pid(self) -> int | None:
        """The process id of the one that forks now."""
        return self._current.pid

    def can_be(self, argv: Sequence[str | Path], env: Mapping[str, str]) -> bool:
        """Whether a process begun as this would be no other than a fork; begins another nursery where there is none."""
        if self._current.has_ended() and time.monotonic() > self._begun + AGAIN_SECONDS:
            self._current.close()
            self._current, self._begun = self._make(), time.monotonic()
        return self._current.can_be(argv, env)

    def fork(self, argv: Sequence[str | Path], env: Mapping[str, str], cwd: Path, log: Path) -> Forked | None:
        """Return a fork that goes on as that process; None when there is none to be had, now or later."""
        return self._current.fork(argv, env, cwd, log)

    def close(self) -> None:
        """End it, and whatever of it still runs."""
        self._current.close()


@contextmanager
def nursery(cwd: Path, log: Path, env: Mapping[str, str], imports: Sequence[str] = ()) -> Iterator[Nurseries]:
    """Have a nursery while the block runs."""
    made = Nurseries(cwd, log, env, imports)
    try:
        yield made
    finally:
        made.close()
