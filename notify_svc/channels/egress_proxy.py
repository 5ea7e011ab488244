"""The way out of a network that lets nobody out but its proxy: tunnels by CONNECT (RFC 9110, section 9.3.6).

The tunnel is asked for by the address that was checked, never by a name: what the proxy would find under it a moment
later does not matter either.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable
from ipaddress import IPv6Address, ip_address

import httpcore
import httpx

_MOST = 8 * 1024
"""How long the head of the proxy's answer may be."""
_PORTS = {"http": 80, "https": 443}


class ProxiedBackend(httpcore.AnyIOBackend):
    """Makes connections through a proxy: `http://host:port` or `https://`, with user and password if it wants them."""

    def __init__(self, proxy: str) -> None:
        url = httpx.URL(proxy)
        self._host, self._port = url.host, url.port or _PORTS[url.scheme]
        self._tls = httpx.create_ssl_context(trust_env=False) if url.scheme == "https" else None
        login = base64.b64encode(f"{url.username}:{url.password}".encode()).decode()
        self._login = f"Proxy-Authorization: Basic {login}\r\n" if url.username else ""

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109  # httpcore's interface
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect to an address. Raises httpcore.ProxyError where the proxy does not let us."""
        stream = await super().connect_tcp(self._host, self._port, timeout, local_address, socket_options)
        try:
            if self._tls:
                stream = await stream.start_tls(self._tls, self._host, timeout)
            literal = f"[{host}]" if isinstance(ip_address(host), IPv6Address) else host
            head = f"CONNECT {literal}:{port} HTTP/1.1\r\nHost: {literal}:{port}\r\n{self._login}\r\n"
            await stream.write(head.encode(), timeout)
            answer = await _head(stream, timeout)
            _, _, rest = answer.partition(" ")
            if not rest.startswith("2"):
                # what else it says is ours, and no merchant's to read
                raise httpcore.ProxyError(f"the proxy answered {rest[:3]!r}")
        except BaseException:
            await stream.aclose()
            raise
        return stream


async def _head(stream: httpcore.AsyncNetworkStream, timeout: float | None) -> str:  # noqa: ASYNC109
    """Read the head of an answer, byte by byte: what follows belongs to the tunnel."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        byte = await stream.read(1, timeout)
        if not byte or len(head) > _MOST:
            raise httpcore.ProxyError("the proxy gave no answer")
        head += byte
    return head.decode("latin-1")
