"""How a command reaches the `fusionxpay up` that runs: a Unix socket in its data folder, which only its user can enter.

A request is one line of JSON, `{"roll": [SERVICE, …]}`. Answers are lines: `{"say": …}` any number of times, and at the
end `{"error": …}`, which is empty when all went well.
"""

from __future__ import annotations

import json
import logging
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from stack.process import StackError

NAME = "socket"
REQUEST_SECONDS = 5.0
REQUEST_BYTES = 64 * 1024
log = logging.getLogger(__name__)
Say = Callable[[str], None]


@contextmanager
def _reachable(folder: Path) -> Iterator[str]:
    """Lend a short path to the socket: that of a deep folder does not fit into an address (unix(7))."""
    descriptor = os.open(folder, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{descriptor}/{NAME}"
    finally:
        os.close(descriptor)


class Control:
    """The socket of a stack, a context manager."""

    def __init__(self, folder: Path) -> None:
        """Listen in the folder. Raises OSError."""
        self._folder = folder
        self._socket = socket.socket(socket.AF_UNIX)
        (folder / NAME).unlink(missing_ok=True)
        with _reachable(folder) as path:
            self._socket.bind(path)
        self._socket.listen()

    def serve(self, seconds: float, roll: Callable[[list[str], Say], None]) -> None:
        """Wait as long for a request, and carry it out. Whatever is wrong with it is answered, and ends nothing."""
        self._socket.settimeout(seconds)
        try:
            connection, _ = self._socket.accept()
        except OSError:
            return
        with connection:
            connection.settimeout(REQUEST_SECONDS)
            error = ""
            try:
                roll(_requested(connection), lambda line: _send(connection, say=line))
            except StackError as problem:
                error = str(problem)
            except Exception as problem:
                log.exception("rolling failed")
                error = f"rolling failed: {problem!r}"
            _send(connection, error=error)

    def __enter__(self) -> Control:
        return self

    def __exit__(self, *_: object) -> None:
        """Listen no more."""
        self._socket.close()
        (self._folder / NAME).unlink(missing_ok=True)


def _requested(connection: socket.socket) -> list[str]:
    """Read which services a request names. Raises StackError: it is none."""
    try:
        with connection.makefile("rb") as lines:
            request = json.loads(lines.readline(REQUEST_BYTES))
    except (OSError, ValueError, RecursionError) as error:
        raise StackError(f"no request: {error}") from error
    names = request.get("roll") if isinstance(request, dict) else None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise StackError('no request: it is {"roll": [SERVICE, …]}')
    return names


def _send(connection: socket.socket, **line: str) -> None:
    # whoever asked may have gone: what was begun goes on
    with suppress(OSError):
        connection.sendall(json.dumps(line).encode() + b"\n")


def ask(folder: Path, names: list[str]) -> Iterator[str]:
    """Have the stack roll the named services, and yield what it says meanwhile.

    Raises:
        StackError: no stack listens there, it ended, or it could not do it.
    """
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            with _reachable(folder) as path:
                connection.connect(path)
            connection.sendall(json.dumps({"roll": names}).encode() + b"\n")
            with connection.makefile("rb") as lines:
                for line in lines:
                    answer = json.loads(line)
                    if "error" in answer:
                        if answer["error"]:
                            raise StackError(answer["error"])
                        return
                    yield answer["say"]
    except OSError as error:
        raise StackError(f"no `fusionxpay up` answers in {folder}: {error}") from error
    raise StackError("the stack has ended meanwhile")
