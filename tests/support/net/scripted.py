"""A server that answers real HTTP as a test has written it down, also in ways in which no server should."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import parse_qsl, urlsplit

Trick = Literal["cut", "silence", "drip", "half"]
"""No answer but the end of the connection; none at all; one byte now and then for ever; an answer that breaks off."""


@dataclass(frozen=True)
class Answer:
    """One answer. A body that is no text is written as JSON."""

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)

    def written(self) -> bytes:
        """Return the bytes on the wire."""
        body = self.body if isinstance(self.body, str) else "" if self.body is None else json.dumps(self.body)
        kind = "text/html" if isinstance(self.body, str) else "application/json"
        headers = {"content-length": str(len(body.encode())), **({"content-type": kind} if body else {})}
        lines = [f"{name}: {value}" for name, value in (headers | dict(self.headers)).items()]
        return "\r\n".join([f"HTTP/1.1 {self.status} Said", *lines, "", body]).encode()


Reply = Answer | Trick


@dataclass(frozen=True)
class Asked:
    """One request as it came."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    @property
    def form(self) -> dict[str, str]:
        """The body of a form."""
        return dict(parse_qsl(self.body.decode()))


class Scripted:
    """A server that gives its replies one after the other, and the last one for ever; some paths have their own."""

    def __init__(self, replies: tuple[Reply, ...], always: Mapping[str, Reply]) -> None:
        self._replies = list(replies)
        self._always = always
        self.asked: list[Asked] = []
        """The requests to paths without a reply of their own."""
        self.port = 0

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take requests until the other side has had enough."""
        try:
            while True:
                asked = await _request(reader)
                if not await self._react(asked, writer):
                    return
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def _react(self, asked: Asked, writer: asyncio.StreamWriter) -> bool:
        reply = self._always.get(asked.path)
        if reply is None:
            self.asked.append(asked)
            reply = self._replies.pop(0) if len(self._replies) > 1 else self._replies[0]
        if reply == "silence":
            await asyncio.Event().wait()
        elif reply == "drip":
            await _drip(writer)
        elif reply == "half":
            writer.write(Answer(200, {"id": "pi_1"}).written()[:-4])
            await writer.drain()
        elif isinstance(reply, Answer):
            writer.write(reply.written())
            await writer.drain()
        return isinstance(reply, Answer)


async def _drip(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n")
    while True:
        writer.write(b" ")
        await writer.drain()
        await asyncio.sleep(0.05)


async def _request(reader: asyncio.StreamReader) -> Asked:
    head = (await reader.readuntil(b"\r\n\r\n")).decode().splitlines()
    method, target, _ = head[0].split(" ", 2)
    headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in head[1:] if line)}
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    parts = urlsplit(target)
    return Asked(method, parts.path, dict(parse_qsl(parts.query)), headers, body)


@asynccontextmanager
async def scripted(*replies: Reply, always: Mapping[str, Reply] | None = None) -> AsyncIterator[Scripted]:
    """Run a server for the time of a block."""
    server = Scripted(replies or (Answer(),), always or {})
    listener = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    server.port = listener.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        # not waiting for connections: some of them never end by themselves
        listener.close()


def nobody() -> str:
    """Return an address at which nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}"
