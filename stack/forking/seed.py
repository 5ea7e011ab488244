"""A nursery that `fusionxpay up` forks of itself before it is anything: what both have imported is there once.

Nothing else may fork so: a process that has threads, locks on files, or callers to return to would leave them to all of
our services.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import socket
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from stack.forking.nursery import MOST_BYTES, PRELOADED, ROOM, ROOM_BYTES, Order, be_called, die_with, freeze, grow
from stack.orphans import MARK

_LONGEST = [sys.executable, "-m", "." * 40]
"""Arguments as long as those of any process of ours: a fork writes its own over them."""
_sown: list[Seed] = []


class Seed:
    """The nursery that was forked and is not told anything yet, and later the process that it is."""

    def __init__(self, pid: int, wire: socket.socket) -> None:
        self._pid = pid
        self._has_ended = False
        self.wire = wire

    @property
    def pid(self) -> int | None:
        """Its process id while it runs."""
        if not self._has_ended:
            self._has_ended = os.waitpid(self._pid, os.WNOHANG)[0] != 0
        return None if self._has_ended else self._pid

    def tell(self, env: Mapping[str, str], cwd: Path, log: Path) -> None:
        """Have it go on as a nursery that was begun with this environment would."""
        argv = [sys.executable, "-m", "stack.forking.nursery"]
        told = {"argv": argv, "env": dict(env) | {MARK: "nursery"}, "cwd": str(cwd), "log": str(log)}
        # one that has ended already is found so by whoever wants a fork
        with suppress(OSError):
            self.wire.send(json.dumps(told).encode())

    def kill(self) -> None:
        """End it, and wait until it is gone."""
        if self.pid is not None:
            os.kill(self._pid, signal.SIGKILL)
            os.waitpid(self._pid, 0)
            self._has_ended = True


def taken() -> Seed | None:
    """Return the nursery of this process, to the first who asks."""
    return _sown.pop() if _sown else None


def sow(*modules: str) -> None:
    """Fork a nursery, after importing these modules as well; to be called first of all. The fork never returns.

    The process begins once more, with room for what its forks show as their arguments and environment.
    """
    if not os.environ.get(ROOM):
        spare = "/" * max(0, len("\0".join(_LONGEST)) - len("\0".join(sys.orig_argv)))
        folder, name = os.path.split(sys.executable)
        argv = [f"{folder}/{spare}{name}", *sys.orig_argv[1:]]
        os.execve(sys.executable, argv, {**os.environ, ROOM: "." * ROOM_BYTES})  # noqa: S606  it is ourselves
    del os.environ[ROOM]
    for module in (*PRELOADED, *modules):
        importlib.import_module(module)
    freeze()
    mine, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    parent, pid = os.getpid(), os.fork()
    if pid:
        theirs.close()
        _sown.append(Seed(pid, mine))
        return
    mine.close()
    os.setsid()
    die_with(parent)
    _let_go(theirs.fileno())
    if told := theirs.recv(MOST_BYTES):
        order = Order(**json.loads(told))
        be_called(order)
        grow(theirs)
    sys.exit()


def _let_go(but: int) -> None:
    """Close what the process was begun with, such as the terminal: our services would have it open for ever."""
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    for name in os.listdir("/proc/self/fd"):
        number = int(name)
        # what Python has opened is not for other programs
        with suppress(OSError):
            if number > 2 and number != but and os.get_inheritable(number):
                os.close(number)
