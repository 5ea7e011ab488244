"""Merchants' servers that behave as servers do not: raw sockets, so that they can do anything."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

Behaviour = Callable[["Rogue", asyncio.StreamWriter], Awaitable[None]]
OK = b"HTTP/1.1 204 No Content\r\n\r\n"


class Rogue:
    """A server and what came to it."""

    def __init__(self, behaviour: Behaviour) -> None:
        self.behaviour = behaviour
        self.port = 0
        self.ids: list[str] = []
        """The `webhook-id` of each request, in the order in which they came."""
        self.open = 0
        self.most_open = 0
        self.written = 0
        self.released = asyncio.Event()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}/hook"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take requests until the other side has had enough."""
        try:
            while head := await _head(reader):
                await reader.readexactly(int(head["content-length"]))
                self.ids.append(head["webhook-id"])
                self.open += 1
                self.most_open = max(self.most_open, self.open)
                try:
                    await self.behaviour(self, writer)
                finally:
                    self.open -= 1
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


async def _head(reader: asyncio.StreamReader) -> dict[str, str]:
    lines = (await reader.readuntil(b"\r\n\r\n")).decode().splitlines()
    return dict(line.lower().split(": ", 1) for line in lines[1:] if line)


@asynccontextmanager
async def rogue(behaviour: Behaviour) -> AsyncIterator[Rogue]:
    """Run a server."""
    server = Rogue(behaviour)
    listener = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    server.port = listener.sockets[0].getsockname()[1]
    yield server
    server.released.set()
    # not waiting for connections: some of them never end by themselves
    listener.close()


def answering(*answers: bytes) -> Behaviour:
    """Answer with each of these in turn, and with the last one from then on."""
    left = list(answers)

    async def behave(_server: Rogue, writer: asyncio.StreamWriter) -> None:
        writer.write(left.pop(0) if len(left) > 1 else left[0])
        await writer.drain()

    return behave


async def hangs(server: Rogue, writer: asyncio.StreamWriter) -> None:
    """Answer nothing until it is released."""
    await server.released.wait()
    writer.write(OK)


def hanging_until(released: asyncio.Event, answer: bytes) -> Behaviour:
    """Answer only when the test says so."""

    async def behave(_server: Rogue, writer: asyncio.StreamWriter) -> None:
        await released.wait()
        writer.write(answer)
        await writer.drain()

    return behave


async def closes(_server: Rogue, writer: asyncio.StreamWriter) -> None:
    """Close the connection instead of answering."""
    writer.close()
    await writer.wait_closed()


async def streams_forever(server: Rogue, writer: asyncio.StreamWriter) -> None:
    """Answer 200 and a body that does not end."""
    writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
    while True:
        writer.write(b"1000\r\n" + b"x" * 4096 + b"\r\n")
        await writer.drain()
        server.written += 4096


async def drips_forever(_server: Rogue, writer: asyncio.StreamWriter) -> None:
    """Answer 200 and a body that comes byte by byte and does not end."""
    writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
    while True:
        writer.write(b"1\r\nx\r\n")
        await writer.drain()
        await asyncio.sleep(0.02)


async def endless_headers(_server: Rogue, writer: asyncio.StreamWriter) -> None:
    """Answer with headers that do not end."""
    writer.write(b"HTTP/1.1 200 OK\r\n")
    while True:
        writer.write(b"x-more: " + b"x" * 1000 + b"\r\n")
        await writer.drain()
