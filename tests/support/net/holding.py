"""A TCP proxy whose connections fall silent and stay open, as those of a host that froze, or that a firewall forgot."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit, urlunsplit


class HoldingProxy:
    """Forwards to the server in a URL; `url` is the same by way of the proxy."""

    def __init__(self, target: str) -> None:
        parts = urlsplit(target)
        self._target = (parts.hostname or "", parts.port or 0)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = self.instead_of(target)
        self._sockets: list[socket.socket] = []
        self._flowing = threading.Event()
        self._flowing.set()
        self._closed = False
        threading.Thread(target=self._accept, daemon=True).start()

    def instead_of(self, url: str) -> str:
        """Return the URL of something on that server, by way of the proxy."""
        parts = urlsplit(url)
        credentials, _, _ = parts.netloc.rpartition("@")
        return urlunsplit(parts._replace(netloc=f"{credentials}@127.0.0.1:{self._listener.getsockname()[1]}"))

    def hold(self) -> None:
        """Forward nothing more of the connections there are. New ones work."""
        held, self._flowing = self._flowing, threading.Event()
        self._flowing.set()
        held.clear()

    def freeze(self) -> None:
        """Forward nothing more of any connection, new ones among them, which are taken all the same."""
        self._flowing.clear()

    def thaw(self) -> None:
        """Go on after `freeze`, with all that came meanwhile."""
        self._flowing.set()

    def close(self) -> None:
        """End everything."""
        self._closed = True
        for one in (self._listener, *self._sockets):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._connect, args=(client,), daemon=True).start()

    def _connect(self, client: socket.socket) -> None:
        flowing = self._flowing
        self._sockets.append(client)
        flowing.wait()
        server = socket.create_connection(self._target)
        self._sockets.append(server)
        for source, sink in ((client, server), (server, client)):
            threading.Thread(target=self._forward, args=(source, sink, flowing), daemon=True).start()

    def _forward(self, source: socket.socket, sink: socket.socket, flowing: threading.Event) -> None:
        with contextlib.suppress(OSError):
            while piece := source.recv(65536):
                flowing.wait()
                if self._closed:
                    return
                sink.sendall(piece)
        for one in (source, sink):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()


@contextmanager
def holding(target: str) -> Iterator[HoldingProxy]:
    """Run a proxy before a server."""
    proxy = HoldingProxy(target)
    try:
        yield proxy
    finally:
        proxy.close()
