"""A TCP proxy that withholds answers and cuts connections, as networks do at the worst moment."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tests.support.waiting import PATIENCE


class CuttingProxy:
    """Forwards to one address; `url` is where it listens."""

    def __init__(self, target: str) -> None:
        self.forward_to(target)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._sockets: list[socket.socket] = []
        self._answers = threading.Event()
        self._answers.set()
        self._refusals = 0
        self.refused = 0
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def forward_to(self, target: str) -> None:
        """Forward new connections to an address from now on."""
        host, port = target.rsplit(":", 1)
        self._target = (host, int(port))

    def withhold_answers(self) -> None:
        """Let nothing that the gateway says through, until the next cut."""
        self._answers.clear()

    def cut(self, *, refuse: int = 0) -> None:
        """End all connections, end as many new ones right away, then forward again."""
        self._refusals = refuse
        cut, self._sockets = self._sockets, []
        for one in cut:
            _end(one)
        self._answers.set()

    def close(self) -> None:
        """End everything."""
        _end(self._listener)
        self.cut()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                if self._refusals:
                    self._refusals -= 1
                    self.refused += 1
                    _end(client)
                    continue
                try:
                    server = socket.create_connection(self._target)
                except OSError:
                    _end(client)
                    continue
                self._sockets += [client, server]
                threading.Thread(target=self._forward, args=(client, server, False), daemon=True).start()
                threading.Thread(target=self._forward, args=(server, client, True), daemon=True).start()

    def _forward(self, source: socket.socket, sink: socket.socket, answers: bool) -> None:
        with contextlib.suppress(OSError):
            while piece := source.recv(65536):
                if answers:
                    self._answers.wait(PATIENCE)
                sink.sendall(piece)
        _end(source)
        _end(sink)


def _end(one: socket.socket) -> None:
    """End a connection, also under whoever reads from it."""
    with contextlib.suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
    one.close()


@contextmanager
def cutting(target: str) -> Iterator[CuttingProxy]:
    """Run a proxy before an address."""
    proxy = CuttingProxy(target)
    try:
        yield proxy
    finally:
        proxy.close()
