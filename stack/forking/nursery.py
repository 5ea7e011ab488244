"""The process that our services are forked from: `python -m stack.forking.nursery FD`.

It imports once what they have in common, and what each of those imports that it is told of; a fork of it goes on as
`python -m NAME` would have begun. So they share that memory, and start in a fraction of the time: importing by itself,
each would write to a third of what it shares. What a service is told, secrets among it, its fork alone reads.
"""

from __future__ import annotations

import ast
import ctypes
import gc
import importlib
import json
import os
import runpy
import selectors
import signal
import socket
import struct
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

PRELOADED = (
    "mesh.service",
    "httpx",
    "mesh.vault",
    "mesh.events.consumer",
    "mesh.events.consumer_metrics",
    "mesh.events.dead_letter_servicer",
    "mesh.events.outbox_servicer",
    "mesh.events.unit_of_work",
    "mesh.rpc.client",
    "mesh.storage.idempotency",
    "mesh.storage.listing",
    "mesh.storage.lock",
    "mesh.storage.resealing",
)
"""What most services import. None of them starts a thread, or makes an id, of which forks would make the same."""
MOST_BYTES = 1 << 20
HEAD = struct.Struct("!Qd")
"""What an order begins with: its number, and until when it stands, by the monotonic clock that all processes share."""
IMPORTS = "NURSERY_IMPORTS"
"""Names modules by comma: what their `__main__` imports is imported, of what has none it is itself."""
METRICS = "metrics"
"""The module of a package that declares what a process tells of itself."""
ROOM, ROOM_BYTES = "NURSERY_ROOM", 64 * 1024
"""A variable that is only there to be long: over it a fork writes its own environment, for `ps` and its like."""
_PR_SET_PDEATHSIG, _PR_SET_NAME = 1, 15
_ARG_START, _ARG_END, _ENV_START, _ENV_END = range(45, 49)
"""Fields of proc(5), `/proc/[pid]/stat`, counted from behind the name."""


@dataclass(frozen=True)
class Order:
    """What a fork is to be: the arguments of the interpreter and after it, as for exec, and where it writes."""

    argv: list[str]
    env: dict[str, str]
    cwd: str
    log: str


def main(arguments: Sequence[str]) -> None:
    """Fork until the stack is gone; in a fork, become what was ordered."""
    wire = socket.socket(fileno=int(arguments[0]))
    for name in PRELOADED:
        importlib.import_module(name)
    grow(wire)


def grow(wire: socket.socket) -> None:
    """Import what the environment names, and fork until the stack is gone; in a fork, become what was ordered."""
    for name in filter(None, os.environ.get(IMPORTS, "").split(",")):
        _import_as(name)
    importlib.import_module("stack.forking.warming").warm_up()
    freeze()
    if order := _serve(wire):
        _become(order)


def freeze() -> None:
    """Keep the collector from what is shared: it stays so only while nobody writes to it."""
    gc.collect()
    gc.freeze()


def _import_as(name: str) -> None:
    """Import what a process of this name would, but for its beginning."""
    module = importlib.import_module(name)
    begins = find_spec(f"{name}.__main__") if hasattr(module, "__path__") else None
    if not (begins and begins.origin):
        return
    for node in ast.parse(Path(begins.origin).read_text()).body:
        if isinstance(node, ast.Import):
            for each in node.names:
                importlib.import_module(each.name)
        elif isinstance(node, ast.ImportFrom) and node.module:
            source = importlib.import_module(node.module)
            for each in node.names:
                if not hasattr(source, each.name):
                    importlib.import_module(f"{node.module}.{each.name}")


def _forget_others(name: str) -> None:
    """Take out of what this process tells of itself what others declare, who were imported for their forks."""
    others = os.environ.get(IMPORTS, "").split(",")
    forget = importlib.import_module("mesh.metrics").forget
    for other in {each.partition(".")[0] for each in others} - {name.partition(".")[0]}:
        if module := sys.modules.get(f"{other}.{METRICS}"):
            forget(module)


def _serve(wire: socket.socket) -> Order | None:
    """Return the order in each fork; None when the stack is gone."""
    selector = selectors.DefaultSelector()
    selector.register(wire, selectors.EVENT_READ)
    nursery, running = os.getpid(), dict[int, tuple[int, int]]()
    while True:
        for key, _ in selector.select():
            if key.fd in running:
                selector.unregister(key.fd)
                os.close(key.fd)
                _tell_end(wire, *running.pop(key.fd))
                continue
            # the rest is not read: nobody but the fork needs to know
            head = wire.recv(HEAD.size, socket.MSG_PEEK)
            if not head:
                return None
            number, _ = HEAD.unpack(head)
            try:
                pid, end = _fork()
            except OSError as error:
                # whoever runs already goes on, and nobody begins by this order
                wire.recv(MOST_BYTES)
                _say(wire, number, failed=str(error))
                continue
            if not pid:
                die_with(nursery)
                order = _taken(wire)
                selector.close()
                wire.close()
                for fd in (end, *running):
                    os.close(fd)
                return order
            os.read(end, 1)
            os.close(end)
            try:
                ends = os.pidfd_open(pid)
            except OSError:
                # its end could not be told
                os.kill(pid, signal.SIGKILL)
                _tell_end(wire, number, pid)
                continue
            running[ends] = number, pid
            selector.register(ends, selectors.EVENT_READ)


def _fork() -> tuple[int, int]:
    """Fork; return 0 there and the end of a pipe to close when the order is taken, its id here and the other end.

    Raises OSError when there can be no fork.
    """
    is_taken, takes = os.pipe()
    try:
        pid = os.fork()
    except OSError:
        os.close(is_taken)
        os.close(takes)
        raise
    mine, others = (is_taken, takes) if pid else (takes, is_taken)
    os.close(others)
    return pid, mine


def _taken(wire: socket.socket) -> Order:
    """Take the order, and say that it is being carried out; end when that is too late, as another may do it by now."""
    said = wire.recv(MOST_BYTES)
    number, until = HEAD.unpack_from(said)
    if time.monotonic() < until:
        _say(wire, number, born=os.getpid())
    # what was said in time is heard, and what was not is not believed: so the time counts from when it was said
    if time.monotonic() >= until:
        os._exit(0)
    return Order(**json.loads(said[HEAD.size :]))


def _tell_end(wire: socket.socket, number: int, pid: int) -> None:
    _, status = os.waitpid(pid, 0)
    _say(wire, number, ended=pid, status=os.waitstatus_to_exitcode(status))


def _say(wire: socket.socket, number: int, **what: int | str) -> None:
    wire.send(json.dumps({"number": number, **what}).encode())


def die_with(parent: int) -> None:
    """Have the kernel end this process when the one that has forked it has ended."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL))
    if os.getppid() != parent:
        os._exit(1)


def _become(order: Order) -> None:
    """Go on as the module that was ordered, in a session of its own."""
    os.setsid()
    _forget_others(order.argv[2])
    be_called(order)
    module, sys.argv = order.argv[2], order.argv[2:]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def be_called(order: Order) -> None:
    """Have what was ordered for a process: its folder, log, environment and arguments."""
    os.chdir(order.cwd)
    log = os.open(order.log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
    for stream in (sys.stdout.fileno(), sys.stderr.fileno()):
        os.dup2(log, stream)
    os.close(log)
    os.environ.clear()
    os.environ.update(order.env)
    _show(order)


def _show(order: Order) -> None:
    """Show the arguments and the environment of the order as those of this process. Nothing else points there.

    Of more arguments than there is room for, the first are shown.
    """
    fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
    arg_start, arg_end, env_start, env_end = (int(fields[at]) for at in (_ARG_START, _ARG_END, _ENV_START, _ENV_END))
    folder, name = os.path.split(order.argv[0])
    spare = arg_end - arg_start - len(_joined(order.argv))
    # slashes more or less name the same file, and the length has to stay as it is
    argv = _joined([f"{folder}/{'/' * spare}{name}", *order.argv[1:]])
    if spare < 0:
        argv = argv[: spare - 1] + b"\0"
    env = _joined([f"{key}={value}" for key, value in order.env.items()])
    room = env_end - env_start
    for start, text, size in ((arg_start, argv, arg_end - arg_start), (env_start, env, room)):
        if start and len(text) <= size:
            ctypes.memmove(start, text.ljust(size, b"\0"), size)
    ctypes.CDLL(None).prctl(_PR_SET_NAME, order.argv[2].encode())


def _joined(parts: Sequence[str]) -> bytes:
    return b"".join(os.fsencode(part) + b"\0" for part in parts)


if __name__ == "__main__":
    main(sys.argv[1:])
