"""A server passes its challenge when it answers with that text alone, and with nothing less or more."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import httpx
import pytest
from cryptography.fernet import Fernet
from pydantic import SecretStr

from mesh.vault import Vault
from notify_svc.channels.challenge import answers_challenge
from notify_svc.channels.guarded_http import guarded_client
from notify_svc.channels.resolver import Resolver
from notify_svc.channels.webhook import WebhookChannel
from notify_svc.domain import addresses
from notify_svc.domain.endpoint import UrlRules
from tests.support.waiting import PATIENCE

LOOPBACK = addresses.networks("127.0.0.0/8")
Answer = Callable[[bytes], bytes]


@asynccontextmanager
async def serving(status: int, answer: Answer) -> AsyncIterator[str]:
    """Run a server that answers what it is sent."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", head.lower())
        assert length
        said = answer(await reader.readexactly(int(length[1])))
        writer.write(f"HTTP/1.1 {status} said\r\ncontent-length: {len(said)}\r\n\r\n".encode() + said)
        await writer.drain()

    listener = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with listener:
        yield f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}/hook"


def channel_on(http: httpx.AsyncClient) -> WebhookChannel:
    vault = Vault(SecretStr(Fernet.generate_key().decode()))
    return WebhookChannel(http, vault, UrlRules(True, LOOPBACK), PATIENCE)


def its_challenge(body: bytes) -> bytes:
    said = json.loads(body)
    assert said["type"] == "endpoint.challenge"
    return str(said["challenge"]).encode()


@pytest.mark.parametrize(
    ("status", "answer", "passes"),
    [
        (200, its_challenge, True),
        (200, lambda body: its_challenge(body) + b"\n", True),
        (200, lambda body: body, False),
        (200, lambda body: b"you said " + its_challenge(body), False),
        (200, lambda body: b"", False),
        (200, lambda body: b"ok", False),
        (404, its_challenge, False),
    ],
    ids=["its text", "and the end of a line", "repeats all", "and more", "nothing", "another text", "not found"],
)
async def test_server_passes_with_that_text_alone(status: int, answer: Answer, passes: bool) -> None:
    async with (
        serving(status, answer) as url,
        guarded_client(Resolver(), LOOPBACK, connections=4, timeout=PATIENCE) as http,
    ):
        assert await answers_challenge(url, channel_on(http)) is passes


async def test_server_that_is_not_there_does_not_pass() -> None:
    async with guarded_client(Resolver(), LOOPBACK, connections=4, timeout=PATIENCE) as http:
        assert not await answers_challenge("http://127.0.0.1:9/hook", channel_on(http))
