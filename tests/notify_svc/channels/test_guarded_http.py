"""The sender's own transport against names and addresses that lead where nothing may go."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from ipaddress import ip_address
from typing import Any

import httpcore
import httpx
import pytest

from notify_svc.channels import failures
from notify_svc.channels.guarded_http import guarded_client, look
from notify_svc.channels.resolver import Resolver
from notify_svc.domain import addresses
from notify_svc.domain.addresses import Address, Network
from notify_svc.domain.endpoint import UrlRefusedError

ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
PUBLIC = "93.184.215.14"


class Names:
    """A resolver with a script: each look-up of any name gets the next answer, and the last one from then on."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self._answers = [[ip_address(address) for address in answer] for answer in answers]
        self.asked: list[str] = []

    async def __call__(self, host: str, port: int) -> Sequence[Address]:
        """Answer."""
        self.asked.append(host)
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]


class Server:
    """An HTTP server at an address of this machine, and the heads of the requests that reached it."""

    def __init__(self) -> None:
        self.port = 0
        self.requests: list[str] = []

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take one request."""
        self.requests.append((await reader.readuntil(b"\r\n\r\n")).decode())
        writer.write(ANSWER)
        await writer.drain()
        writer.close()


@asynccontextmanager
async def listening(address: str) -> AsyncIterator[Server]:
    """Run a server."""
    server = Server()
    listener = await asyncio.start_server(server.answer, address, 0)
    server.port = listener.sockets[0].getsockname()[1]
    async with listener:
        yield server


async def get(url: str, resolve: Any, allowed: Sequence[Network] = ()) -> httpx.Response:
    """Ask for a URL by a client of the sender's kind."""
    async with guarded_client(resolve, allowed, connections=4, timeout=5) as http:
        return await http.get(url)


ADDRESSES = [
    *("0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255", "100.64.0.1", "100.127.255.255", "100.100.100.200"),
    *("127.0.0.1", "127.255.255.254", "169.254.169.254", "169.254.1.1", "172.16.0.1", "172.31.255.255"),
    *("192.0.0.8", "192.0.2.1", "192.88.99.1", "192.168.0.1", "198.18.0.1", "198.19.255.255", "198.51.100.1"),
    *("203.0.113.1", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255"),
    *("::", "::1", "::7f00:1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:8.8.8.8", "::ffff:0:7f00:1"),
    *("64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b::808:808", "64:ff9b:1::1", "2002:7f00:1::", "2002:a00:1::"),
    *("2001:0:4136:e378:8000:63bf:80ff:fffe", "2001:db8::1", "2001:10::1", "3fff::1", "100::1", "4000::1"),
    *("168.63.129.16", "169.254.170.2", "169.254.0.23", "192.0.0.192", "fd20:ce::254", "fd00:c1::a9fe:a9fe"),
    *("fc00::1", "fd00:ec2::254", "fd12:3456::1", "fe80::1", "fec0::1", "ff02::1", "ff0e::1", "5f00::1"),
]


@pytest.mark.parametrize("address", ADDRESSES)
async def test_name_that_leads_to_an_address_that_is_not_public_is_refused(address: str) -> None:
    names = Names([address])
    with pytest.raises(UrlRefusedError, match=r"must not lead to .*: shop\.example"):
        await get("http://shop.example/", names)
    assert names.asked == ["shop.example"]


METADATA = ["169.254.169.254", "168.63.129.16", "100.100.100.200", "192.0.0.192", "169.254.170.2", "fd00:ec2::254"]


@pytest.mark.parametrize("address", METADATA)
async def test_metadata_service_is_refused_also_where_the_network_around_is_allowed(address: str) -> None:
    everything = addresses.networks("0.0.0.0/0,::/0")
    with pytest.raises(UrlRefusedError, match="a metadata service"):
        await get("http://shop.example/", Names([address]), everything)


async def test_refusal_does_not_tell_where_a_name_leads() -> None:
    with pytest.raises(UrlRefusedError) as refused:
        await look("https://shop.example/hook", Names(["10.11.12.13"]), ())
    assert "10.11.12.13" not in str(refused.value)


SPELLINGS = [
    *("127.0.0.1", "2130706433", "017700000001", "0x7f000001", "0x7F.0.0.1", "0177.0.0.1", "127.1", "127.0.1"),
    *("0", "0x0", "0x7f.1", "[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[0:0:0:0:0:0:0:1]", "localhost"),
]


@pytest.mark.parametrize("host", SPELLINGS)
async def test_this_machine_is_not_reached_however_its_address_is_spelled(host: str) -> None:
    async with listening("127.0.0.1") as server:
        with pytest.raises((UrlRefusedError, httpx.ConnectError, httpx.InvalidURL)):
            await get(f"http://{host}:{server.port}/", Resolver())
        assert server.requests == []


async def test_address_that_is_allowed_is_reached_by_its_name_and_by_no_odd_spelling() -> None:
    """The test above refuses because of the rules, and not because nothing could be reached."""
    loopback = addresses.networks("127.0.0.0/8,::1")
    async with listening("127.0.0.1") as server:
        for host in ("127.0.0.1", "localhost"):
            await get(f"http://{host}:{server.port}/", Resolver(), loopback)
        assert len(server.requests) == 2
        for host in ("2130706433", "0x7f.1"):
            with pytest.raises(httpx.ConnectError, match="cannot be looked up"):
                await get(f"http://{host}:{server.port}/", Resolver(), loopback)
        assert len(server.requests) == 2


@pytest.mark.parametrize("address", ["8.8.8.8", "100.63.255.255", "100.128.0.0", "172.32.0.1", "2606:4700:4700::1111"])
def test_public_address_is_not_refused(address: str) -> None:
    assert addresses.refusal(ip_address(address)) == ""


@pytest.mark.parametrize("found", [[PUBLIC, "127.0.0.1"], ["127.0.0.1", PUBLIC], [PUBLIC, "::1"]])
async def test_name_with_one_address_that_is_refused_is_refused(found: list[str]) -> None:
    with pytest.raises(UrlRefusedError):
        await get("http://shop.example/", Names(found))


async def test_connection_goes_to_the_very_address_that_was_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rebinding: the name leads to a public address when it is checked, and to this machine when it is asked again."""
    connected: list[str] = []

    async def connect(_self: object, host: str, *_: object) -> httpcore.AsyncNetworkStream:
        connected.append(host)
        raise httpcore.ConnectError("nobody there")

    monkeypatch.setattr(httpcore.AnyIOBackend, "connect_tcp", connect)
    names = Names([PUBLIC], ["127.0.0.1"])
    with pytest.raises(httpx.ConnectError, match="nobody there"):
        await get("http://shop.example/", names)
    assert (connected, names.asked) == ([PUBLIC], ["shop.example"])
    with pytest.raises(UrlRefusedError):
        await get("http://shop.example/", names)
    assert connected == [PUBLIC]


async def test_name_that_changes_its_mind_is_refused_at_the_next_connection() -> None:
    async with listening("127.0.0.2") as good:
        names = Names(["127.0.0.2"], ["127.0.0.1"])
        url = f"http://shop.example:{good.port}/"
        async with guarded_client(names, addresses.networks("127.0.0.2"), connections=4, timeout=5) as http:
            assert (await http.get(url)).status_code == 200
            with pytest.raises(UrlRefusedError, match="loopback"):
                await http.get(url)
    assert len(good.requests) == 1
    assert f"host: shop.example:{good.port}" in good.requests[0].lower()


async def test_next_address_is_tried_when_the_first_does_not_answer() -> None:
    async with listening("127.0.0.2") as server:
        names = Names(["127.0.0.3", "127.0.0.2"])
        await get(f"http://shop.example:{server.port}/", names, addresses.networks("127.0.0.0/8"))
        assert len(server.requests) == 1


async def test_tls_asks_for_the_name_and_not_for_the_address() -> None:
    asked: list[str | None] = []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.sni_callback = lambda _socket, name, _context: asked.append(name)
    listener = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0, ssl=context)
    async with listener:
        port = listener.sockets[0].getsockname()[1]
        with pytest.raises(httpx.ConnectError):
            await get(f"https://shop.example:{port}/", Names(["127.0.0.1"]), addresses.networks("127.0.0.0/8"))
    assert asked == ["shop.example"]


@pytest.mark.parametrize("host", ["nowhere.invalid", "x" * 64 + ".example", "a..b"])
async def test_name_that_is_none_is_an_error_of_the_connection(host: str) -> None:
    with pytest.raises((httpx.ConnectError, httpx.InvalidURL)):
        await get(f"http://{host}/", Resolver())


@pytest.mark.parametrize("address", ADDRESSES)
async def test_look_at_a_name_refuses_what_the_connection_would(address: str) -> None:
    with pytest.raises(UrlRefusedError, match="must not lead to"):
        await look("https://shop.example:8443/hook", Names([PUBLIC, address]), ())
    await look("https://shop.example/hook", Names([PUBLIC]), ())


async def test_look_lets_a_name_pass_that_cannot_be_looked_up() -> None:
    async def unknown(_host: str, _port: int) -> Sequence[Address]:
        raise OSError("no such name")

    await look("https://shop.example/hook", unknown, ())


class Proxy:
    """A proxy that connects every tunnel to one server, whatever address was asked for."""

    def __init__(self, server: Server, status: str) -> None:
        self._server = server
        self._status = status
        self.port = 0
        self.requests: list[str] = []

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take a request for a tunnel."""
        self.requests.append((await reader.readuntil(b"\r\n\r\n")).decode())
        writer.write(f"HTTP/1.1 {self._status}\r\nvia: inner.example\r\n\r\n".encode())
        if self._status.startswith("2"):
            there = await asyncio.open_connection("127.0.0.1", self._server.port)
            there[1].write(await reader.readuntil(b"\r\n\r\n"))
            writer.write(await there[0].read())
            there[1].close()
        writer.close()


@asynccontextmanager
async def proxied(status: str = "200 OK") -> AsyncIterator[tuple[Server, Proxy]]:
    """Run a server and a proxy before it."""
    async with listening("127.0.0.1") as server:
        proxy = Proxy(server, status)
        listener = await asyncio.start_server(proxy.answer, "127.0.0.1", 0)
        proxy.port = listener.sockets[0].getsockname()[1]
        async with listener:
            yield server, proxy


@pytest.mark.parametrize(("address", "literal"), [(PUBLIC, PUBLIC), ("2606:4700::1111", "[2606:4700::1111]")])
async def test_proxy_is_asked_for_the_address_that_was_checked(address: str, literal: str) -> None:
    async with proxied() as (server, proxy):
        via = f"http://us:p%40ss@127.0.0.1:{proxy.port}"
        async with guarded_client(Names([address]), (), connections=4, timeout=5, proxy=via) as http:
            assert (await http.get("http://shop.example:8443/hook")).status_code == httpx.codes.OK
        (asked,), (reached,) = proxy.requests, server.requests
    assert asked.splitlines()[0] == f"CONNECT {literal}:8443 HTTP/1.1"
    assert "Proxy-Authorization: Basic dXM6cEBzcw==" in asked
    assert reached.startswith("GET /hook HTTP/1.1")
    assert "shop.example:8443" in reached
    assert "dXM6cEBzcw" not in reached


async def test_proxy_is_not_asked_for_an_address_that_nothing_may_go_to() -> None:
    async with proxied() as (_, proxy):
        via = f"http://127.0.0.1:{proxy.port}"
        async with guarded_client(Names(["10.0.0.1"]), (), connections=4, timeout=5, proxy=via) as http:
            with pytest.raises(UrlRefusedError):
                await http.get("http://shop.example/")
        assert proxy.requests == []


@pytest.mark.parametrize("status", ["403 Forbidden", "407 Proxy Authentication Required"])
async def test_proxy_that_refuses_is_no_answer_of_the_merchants(status: str) -> None:
    async with proxied(status) as (server, proxy):
        via = f"http://127.0.0.1:{proxy.port}"
        async with guarded_client(Names([PUBLIC]), (), connections=4, timeout=5, proxy=via) as http:
            with pytest.raises(httpx.ProxyError) as raised:
                await http.get("http://shop.example/")
        assert server.requests == []
    assert failures.words(raised.value) == "CONNECTION_FAILED: the server could not be reached"
