"""HTTP to servers that merchants name: what a connection may lead to is decided by its address, when it is made.

A name is looked up once a connection, every address that it has is held against the rules, and the connection goes to
the very address that was checked: what the name says a moment later does not matter (DNS rebinding). TLS and the `Host`
header keep the name.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any

import httpcore
import httpx

from notify_svc.channels import failures
from notify_svc.channels.egress_proxy import ProxiedBackend
from notify_svc.domain import addresses
from notify_svc.domain.addresses import Address, Network
from notify_svc.domain.endpoint import UrlRefusedError

Resolve = Callable[[str, int], Awaitable[Sequence[Address]]]
LOOK_SECONDS = 2.0
ANSWER = 48 * 1024
"""How many bytes of an answer are read at the most, with its head and all interim answers (1xx) before it."""
HEADS = 16
"""How many heads there may be in it, interim ones and the last: each costs as much to parse as some thousand bytes."""
_HEAD = re.compile(rb"HTTP/1\.")
PIECE = 4 * 1024
"""How many bytes are parsed at a time: others have their turn between two."""
POOLS = 32
"""How many pools the connections are spread over."""


class BoundedStream(httpcore.AsyncNetworkStream):
    """A connection whose other side can say only so much to each request: parsing it costs us more than sending it."""

    def __init__(self, stream: httpcore.AsyncNetworkStream) -> None:
        self._stream = stream
        self._read = self._heads = 0

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109
        """Read what came. Raises httpcore.ReadError where an answer is too long."""
        if self._read >= ANSWER or self._heads > HEADS:
            raise httpcore.ReadError(failures.TOO_LONG)
        # what is there already is read without a pause, with TLS at least
        await asyncio.sleep(0)
        data = await self._stream.read(min(max_bytes, PIECE), timeout)
        self._read += len(data)
        for head in _HEAD.finditer(data):
            self._heads += 1
            if self._heads > HEADS and not head.start():
                raise httpcore.ReadError(failures.TOO_LONG)
            if self._heads > HEADS:
                # what came before it may be all of an answer, of which a text says so
                return data[: head.start()]
        return data

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109
        """Write; what is read afterwards answers it."""
        self._read = self._heads = 0
        await self._stream.write(buffer, timeout)

    async def aclose(self) -> None:
        """Close the connection."""
        await self._stream.aclose()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109
    ) -> httpcore.AsyncNetworkStream:
        """Begin TLS; what is counted is what it carries."""
        return BoundedStream(await self._stream.start_tls(ssl_context, server_hostname, timeout))

    def get_extra_info(self, info: str) -> Any:
        """Return what is known of the connection."""
        return self._stream.get_extra_info(info)


class GuardedBackend(httpcore.AsyncNetworkBackend):
    """Makes connections to addresses that may be called, and to no others."""

    def __init__(self, resolve: Resolve, allowed: Sequence[Network], proxy: str) -> None:
        self._resolve = resolve
        self._allowed = allowed
        self._network = ProxiedBackend(proxy) if proxy else httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109  # httpcore's interface
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect to the first address of a host that answers.

        Raises UrlRefusedError when one of its addresses must not be called: a name that leads to both kinds is a trap.
        """
        try:
            found = await self._resolve(host, port)
        except (OSError, UnicodeError) as error:
            raise httpcore.ConnectError(f"{host} cannot be looked up: {error}") from error
        _require_allowed(host, found, self._allowed)
        failed: Exception = httpcore.ConnectError(f"{host} has no address")
        for address in found:
            try:
                stream = await self._network.connect_tcp(str(address), port, timeout, local_address, socket_options)
                return BoundedStream(stream)
            except (httpcore.ConnectError, httpcore.ConnectTimeout, httpcore.ProxyError) as error:
                failed = error
        raise failed


def _require_allowed(host: str, found: Sequence[Address], allowed: Sequence[Network]) -> None:
    networks = tuple(allowed)
    for address in found:
        if why := addresses.refusal(address, networks):
            # never the address: merchants may not learn where names of ours lead
            raise UrlRefusedError(f"must not lead to an address that is {why}: {host}")


async def look(url: str, resolve: Resolve, allowed: Sequence[Network]) -> None:
    """Look where the name in a URL leads while a merchant waits. Raises UrlRefusedError.

    A name that cannot be looked up now, or not in time, passes: each connection looks again.
    """
    parts = httpx.URL(url)
    with suppress(OSError, UnicodeError):  # a time-out is an OSError
        async with asyncio.timeout(LOOK_SECONDS):
            found = await resolve(parts.host, parts.port or 443)
        _require_allowed(parts.host, found, allowed)


class GuardedTransport(httpx.AsyncHTTPTransport):
    """httpx's own transport on connections that are guarded."""

    def __init__(self, backend: GuardedBackend, context: ssl.SSLContext, connections: int, kept: int) -> None:
        super().__init__(verify=context, trust_env=False)
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=context,
            max_connections=connections,
            max_keepalive_connections=kept,
            keepalive_expiry=5.0,
            network_backend=backend,
        )


class SpreadTransport(httpx.AsyncBaseTransport):
    """Spreads URLs over many small pools: what a pool does for a request grows with the square of its connections."""

    def __init__(self, resolve: Resolve, allowed: Sequence[Network], connections: int, proxy: str) -> None:
        backend, context = GuardedBackend(resolve, allowed, proxy), httpx.create_ssl_context(trust_env=False)
        kept = max(1, connections // POOLS)
        self._pools = [GuardedTransport(backend, context, connections, kept) for _ in range(POOLS)]

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request by the pool of its URL. Raises what httpx raises."""
        return await self._pools[hash(str(request.url)) % POOLS].handle_async_request(request)

    async def aclose(self) -> None:
        """Close all connections."""
        for pool in self._pools:
            await pool.aclose()


def guarded_client(
    resolve: Resolve, allowed: Sequence[Network], *, connections: int, timeout: float, proxy: str = ""
) -> httpx.AsyncClient:
    """Return a client for merchants' servers, through `proxy` if named: no redirects followed, no cookies kept."""
    return httpx.AsyncClient(
        transport=SpreadTransport(resolve, allowed, connections, proxy),
        timeout=timeout,
        follow_redirects=False,
        trust_env=False,
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        headers={
            "user-agent": "FusionXPay-Webhooks/1",
            "content-type": "application/json",
            # the first bytes of the answer are kept for people to read
            "accept-encoding": "identity",
        },
    )
