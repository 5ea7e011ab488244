"""A webhook is delivered when its receiver says so: what follows on the status changes nothing of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

import httpcore
import httpx
import pytest
from cryptography.fernet import Fernet
from pydantic import SecretStr

from mesh.vault import Vault
from notify_svc.channels import failures
from notify_svc.channels.guarded_http import HEADS, BoundedStream, guarded_client
from notify_svc.channels.resolver import Resolver
from notify_svc.channels.webhook import CHUNKS, WebhookChannel
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


@asynccontextmanager
async def pouring(head: bytes, endless: bytes) -> AsyncIterator[str]:
    """Run a server whose answer goes on for as long as anybody reads it."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(head)
            while True:
                writer.write(endless)
                await writer.drain()

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


async def test_interim_answers_without_end_are_no_answer() -> None:
    async with pouring(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 1000) as url:
        attempt = await post(url, 5.0)
    assert attempt.status == 0
    assert attempt.answer.startswith("CONNECTION_BROKEN: the server sent more than is read"), attempt.answer


async def test_of_interim_answers_few_are_parsed() -> None:
    """48 kB of them took 80 ms of the loop each time: one merchant's endpoints delayed others' by 20 s."""

    class Pouring(httpcore.AsyncNetworkStream):
        async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109
            return (b"HTTP/1.1 103 Early Hints\r\nx: y\r\n\r\n" * max_bytes)[:max_bytes]

        async def write(self, buffer: bytes, timeout: float | None = None) -> None: ...  # noqa: ASYNC109

    stream, pieces = BoundedStream(Pouring()), list[bytes]()

    async def read_all() -> None:
        while True:
            pieces.append(await stream.read(65536))

    for times in (1, 2):
        await stream.write(b"POST / HTTP/1.1\r\n\r\n")
        with pytest.raises(httpcore.ReadError, match=failures.TOO_LONG):
            await read_all()
        assert b"".join(pieces).count(b"HTTP/1.") == times * HEADS


async def test_answer_whose_text_speaks_of_heads_is_an_answer() -> None:
    text = b"HTTP/1.1 " * 40
    async with serving(lambda _: None, b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(text) + text) as url:
        attempt = await post(url, PATIENCE)
    assert attempt.status == 200
    assert attempt.answer.startswith("HTTP/1.1 HTTP/1.1 ")


async def test_answer_in_tiny_chunks_is_read_no_further_than_some_of_them() -> None:
    head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
    async with pouring(head, b"1\r\na\r\n" * 1000) as url:
        attempt = await post(url, PATIENCE)
    assert (attempt.status, attempt.answer) == (200, "a" * CHUNKS)


async def test_connection_takes_as_much_for_each_of_its_requests() -> None:
    """What is counted is one answer, not all that a connection carries."""
    connections = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(writer)
        with suppress(asyncio.IncompleteReadError):
            while True:
                await reader.readuntil(b"{}")
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 30000\r\n\r\n" + b"a" * 30_000)
        writer.close()

    listener = await asyncio.start_server(answer, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}/hook"
    async with listener, guarded_client(Resolver(), LOOPBACK, connections=4, timeout=PATIENCE) as http:
        answers = [await http.post(url, content=b"{}") for _ in range(4)]
    assert [len(each.content) for each in answers] == [30_000] * 4
    assert len(connections) == 1


async def test_status_that_was_read_counts_however_the_connection_ends() -> None:
    class Breaking(httpx.AsyncByteStream):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            for _ in range(CHUNKS + 1):
                yield b"a"

        async def aclose(self) -> None:
            raise httpx.CloseError("broken")

    transport = httpx.MockTransport(lambda _: httpx.Response(200, stream=Breaking()))
    async with httpx.AsyncClient(transport=transport) as http:
        vault = Vault(SecretStr(Fernet.generate_key().decode()))
        attempt = await WebhookChannel(http, vault, UrlRules(True, LOOPBACK), 5.0).post("http://127.0.0.1/", b"{}", {})
    assert attempt.status == 200
