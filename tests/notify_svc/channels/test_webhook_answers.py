"""A webhook is delivered when its receiver says so: what follows on the status changes nothing of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from cryptography.fernet import Fernet
from pydantic import SecretStr

from mesh.vault import Vault
from notify_svc.channels.guarded_http import guarded_client
from notify_svc.channels.resolver import Resolver
from notify_svc.channels.webhook import WebhookChannel
from notify_svc.domain import addresses
from notify_svc.domain.delivery import Attempt
from notify_svc.domain.endpoint import UrlRules
from tests.support.waiting import PATIENCE

HEAD = b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\nthanks"
LOOPBACK = addresses.networks("127.0.0.0/8")


@asynccontextmanager
async def serving(after: Callable[[asyncio.StreamWriter], object], head: bytes = HEAD) -> AsyncIterator[str]:
    """Run a server that begins its answer well."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(head)
        await writer.drain()
        after(writer)

    listener = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with listener:
        yield f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}/hook"


async def post(url: str, timeout: float) -> Attempt:  # noqa: ASYNC109  # the channel's own setting
    async with guarded_client(Resolver(), LOOPBACK, connections=4, timeout=timeout) as http:
        vault = Vault(SecretStr(Fernet.generate_key().decode()))
        return await WebhookChannel(http, vault, UrlRules(True, LOOPBACK), timeout).post(url, b"{}", {})


@pytest.mark.parametrize("timeout", [1.0, PATIENCE], ids=["short", "long"])
async def test_answer_that_never_ends_is_an_answer(timeout: float) -> None:  # noqa: ASYNC109
    async with serving(lambda writer: None) as url:
        attempt = await post(url, timeout)
    assert (attempt.status, attempt.answer) == (200, "thanks")


async def test_answer_that_breaks_off_is_an_answer() -> None:
    async with serving(lambda writer: writer.transport.abort()) as url:
        assert (await post(url, PATIENCE)).status == 200


async def test_head_that_never_comes_is_none() -> None:
    async with serving(lambda writer: None, b"HTTP/1.1 200 OK\r\n") as url:
        assert (await post(url, 0.5)).status == 0
