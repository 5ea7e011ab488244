"""Ports of 127.0.0.1 that stay ours for as long as a stack lives."""

from __future__ import annotations

import errno
import random
import socket
from collections.abc import Iterable, Mapping
from types import TracebackType

from stack.process import StackError

HOST = "127.0.0.1"
# Below Linux's ephemeral range, so that no outgoing connection takes a port while its server is down.
RANGE = range(20000, 32000)
ATTEMPTS = 200


class Ports:
    """Hands out ports that no other stack on this machine gets.

    A port is held by a UDP socket on the same number: that keeps other stacks away from it and leaves TCP free for the
    server, over all of its restarts. The kernel frees it when we die.
    """

    def __init__(self) -> None:
        self._held: list[socket.socket] = []

    def take(self, wanted: int = 0) -> int:
        """Return `wanted`, or a free port if it is 0.

        Raises:
            StackError: the wanted port is in use, or none is free.
        """
        if wanted:
            if not self._hold(wanted):
                raise StackError(f"port {wanted} of {HOST} is in use")
            return wanted
        for port in random.SystemRandom().sample(RANGE, ATTEMPTS):
            if self._hold(port):
                return port
        raise StackError(f"no free port found between {RANGE.start} and {RANGE.stop}")

    def take_all(self, names: Iterable[str], wanted: Mapping[str, int], before: Mapping[str, int]) -> dict[str, int]:
        """Return a port for each name: the one that is wanted, else the one it had before where that is free.

        Raises:
            StackError: a wanted port is in use, or none is free.
        """
        asked = {name: wanted.get(name, 0) for name in names}
        taken = {name: self.take(port) for name, port in asked.items() if port}
        rest = [name for name in asked if name not in taken]
        # all of them before any new one, which might be another's
        taken |= {name: before[name] for name in rest if before.get(name) and self._hold(before[name])}
        return {name: taken.get(name) or self.take() for name in asked}

    def close(self) -> None:
        """Give all ports back."""
        for held in self._held:
            held.close()
        self._held.clear()

    def __enter__(self) -> Ports:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def _hold(self, port: int) -> bool:
        holder = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            holder.bind((HOST, port))
            with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
                # As servers do: a port whose old connections are in TIME_WAIT counts as free.
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind((HOST, port))
        except OSError as error:
            holder.close()
            if error.errno not in {errno.EADDRINUSE, errno.EACCES}:
                raise
            return False
        self._held.append(holder)
        return True
