"""How long a database may be silent: connections whose answers do not come are dropped under whoever waits for them.

TCP tells of a host that is gone, never of a server that is frozen: its kernel goes on acknowledging. So what waits for
an answer is watched here as well.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg

from mesh.telemetry import get_logger

log = get_logger(__name__)
TICK_SECONDS = 0.25
"""Silence is counted in turns of the loop: a process that was stopped itself does not blame the database."""

Connection = psycopg.AsyncConnection[Any]


class NoAnswerError(psycopg.OperationalError):
    """A connection was dropped because its database did not answer: it is silent, or something holds a lock there."""


class Watch:
    """Watches the answers that are waited for, and ends the connections of those that do not come."""

    def __init__(self, on_drop: Callable[[], None]) -> None:
        """Call `on_drop` whenever a connection was dropped."""
        self._on_drop = on_drop
        self._left: dict[Connection, int] = {}
        self._timer: asyncio.TimerHandle | None = None

    @contextmanager
    def answer(self, connection: Connection, seconds: float) -> Iterator[None]:
        """Wait for one answer in the block, for so many seconds: then the wait ends with NoAnswerError."""
        self._left[connection] = round(seconds / TICK_SECONDS) + 1
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(TICK_SECONDS, self._tick)
        try:
            yield
        except psycopg.OperationalError as error:
            if connection not in self._left:
                raise NoAnswerError(f"no answer within {seconds:g} s") from error
            raise
        finally:
            self._left.pop(connection, None)
            if self._timer is not None and not self._left:
                # an idle process would wake for nothing, once for each answer
                self._timer.cancel()
                self._timer = None

    def _tick(self) -> None:
        for connection, left in list(self._left.items()):
            if left > 1:
                self._left[connection] = left - 1
            else:
                del self._left[connection]
                log.warning("database connection dropped: no answer", backend=_pid(connection))
                _drop(connection)
                self._on_drop()
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(TICK_SECONDS, self._tick) if self._left else None


def _pid(connection: Connection) -> int:
    return 0 if connection.closed else connection.info.backend_pid


def _drop(connection: Connection) -> None:
    """End a connection so that its reader sees the end; closing it would leave the reader waiting."""
    if connection.closed:
        return
    with contextlib.suppress(OSError), socket.socket(fileno=os.dup(connection.pgconn.socket)) as end:
        end.shutdown(socket.SHUT_RDWR)
