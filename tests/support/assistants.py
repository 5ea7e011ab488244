"""Assistants at the gateway, by the official client of their protocol."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
import mcp_types as types
from mcp.client import Client

from assistants.gateway import Gateway
from assistants.server import AssistantServer
from stack.stack import Ready

Json = dict[str, Any]
ASSISTANT = types.Implementation(name="Sesame (beta)\r\nx: y", version="1.0")


class BadLine(httpx.AsyncHTTPTransport):
    """A line to the gateway. What it loses has been carried out."""

    def __init__(self, lost: Callable[[httpx.Request], httpx.Response | Exception | None]) -> None:
        super().__init__()
        self.lost = lost

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Carry a request out; what comes back may be something else than its answer."""
        answer = await super().handle_async_request(request)
        instead = self.lost(request)
        if isinstance(instead, Exception):
            raise instead
        return instead or answer


@asynccontextmanager
async def assistant(gateway: Ready, secret: str, line: BadLine | None = None) -> AsyncIterator[Client]:
    """Connect an assistant to a server of its own."""
    api = Gateway(gateway.edge_url, line)
    async with Client(AssistantServer(api, lambda _: secret).mcp, client_info=ASSISTANT) as client:
        yield client
    await api.close()


async def called(client: Client, name: str, **arguments: Any) -> Json:
    """Call a tool that must be taken."""
    answer = await client.call_tool(name, arguments)
    assert not answer.is_error, answer.content
    return document(answer)


def document(answer: types.CallToolResult) -> Json:
    """Return the JSON of an answer."""
    read: Json = json.loads(text(answer))
    return read


def text(answer: types.CallToolResult) -> str:
    """Return the text of an answer."""
    (content,) = answer.content
    assert isinstance(content, types.TextContent)
    return content.text


async def refused(client: Client, name: str, **arguments: Any) -> str:
    """Call a tool that must be refused; return the words."""
    answer = await client.call_tool(name, arguments)
    assert answer.is_error, answer.content
    return text(answer)
