"""The web server, with a way to break a connection under a request."""

import asyncio
import signal
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

RESET = "sandbox.reset"
_LINGER_ZERO = struct.pack("ii", 1, 0)


class ResettableProtocol(H11Protocol):
    """HTTP/1.1 that hands each request a function which resets its TCP connection."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Put the reset function within the application's reach."""
        super().connection_made(transport)
        app = cast("ASGIApp", self.app)

        async def with_reset(scope: Scope, receive: Receive, send: Send) -> None:
            scope[RESET] = lambda: _reset(transport)
            await app(scope, receive, send)

        self.app = cast("Any", with_reset)


def _reset(transport: asyncio.Transport) -> None:
    """Close with RST, not FIN: without lingering the kernel drops the connection at once."""
    connection: socket.socket | None = transport.get_extra_info("socket")
    if connection is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_ZERO)
    transport.abort()


class QuietServer(uvicorn.Server):
    """Ends with exit code 0 on SIGTERM; uvicorn would raise the signal again after its clean stop.

    While nothing is asked it does nothing: uvicorn's own loop looks ten times a second.
    """

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._leaves = asyncio.Event()

    async def main_loop(self) -> None:
        """Wait until it is asked to stop."""
        await self.on_tick(0)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._leaves.set)
        if not self.should_exit:
            await self._leaves.wait()
        self.should_exit = True

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Turn SIGTERM and SIGINT into a graceful stop."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self.handle_exit)
        yield


def serve(app: ASGIApp, host: str, port: int) -> None:
    """Run until SIGTERM or SIGINT; requests that still hang are cut off after a second.

    Idle connections stay open for long, as provider SDKs pool them.
    """
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        http=ResettableProtocol,
        log_config=None,
        access_log=False,
        date_header=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=1,
    )
    QuietServer(config).run()
