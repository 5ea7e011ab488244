"""Looks up the names that merchants give, so that those that nobody answers for hold up nobody else's.

By c-ares on the event loop (`aiodns`), as the system is set up (`/etc/resolv.conf`, `/etc/hosts`). The system's own
resolver takes a thread for each look-up, and names that are silent on purpose soon take all threads there are.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from ipaddress import ip_address

import aiodns

from notify_svc.domain.addresses import Address
from notify_svc.domain.endpoint import UrlRefusedError

SECONDS = 3.0
"""How long a name may take to be looked up."""
TRY_SECONDS, TRIES = 1.0, 2
ABSENT_SECONDS = 10.0
"""How long a name that could not be looked up is not tried again."""
ABSENT = 10_000
ADDRESSES = 32
"""How many addresses a name may have: each is held against every network, at each connection."""


class Resolver:
    """Looks names up: each once at a time, whoever asks, and not again at once where that failed."""

    def __init__(
        self, servers: Sequence[str] | None = None, port: int = 53, now: Callable[[], float] = time.monotonic
    ) -> None:
        """Ask the `servers`, or those that the system is set up with."""
        self._servers = servers
        self._port = port
        self._now = now
        self._resolver: aiodns.DNSResolver | None = None
        self._under_way: dict[str, asyncio.Task[Sequence[Address]]] = {}
        self._absent: OrderedDict[str, tuple[float, Exception]] = OrderedDict()

    async def __call__(self, host: str, port: int) -> Sequence[Address]:
        """Return every address of a host, in the order in which to try them.

        Raises OSError, and UrlRefusedError for a host with too many: a name that was found, and is not called.
        """
        since, error = self._absent.get(host, (float("-inf"), OSError()))
        if self._now() - since < ABSENT_SECONDS:
            raise type(error)(*error.args)
        task = self._under_way.get(host)
        if task is None:
            task = self._under_way[host] = asyncio.create_task(self._look_up(host, port))
            task.add_done_callback(lambda _: self._under_way.pop(host, None))
        # who gives up ends the look-up for nobody else
        return await asyncio.shield(task)

    async def close(self) -> None:
        """End what is under way."""
        if self._resolver:
            await self._resolver.close()

    async def _look_up(self, host: str, port: int) -> Sequence[Address]:
        try:
            async with asyncio.timeout(SECONDS):
                found = await self._ask(host, port)
        # a time-out is an OSError too
        except (aiodns.error.DNSError, OSError) as error:
            why = OSError(str(error.args[-1]) if error.args else "no answer in time")
            self._keep(host, why)
            raise why from error
        except UrlRefusedError as error:
            self._keep(host, error)
            raise
        # one that is asked again is the newest of those that are kept
        self._absent.pop(host, None)
        return found

    def _keep(self, host: str, error: Exception) -> None:
        # another one, as one that was raised keeps all that it came through
        self._absent[host] = (self._now(), type(error)(*error.args))
        if len(self._absent) > ABSENT:
            self._absent.popitem(last=False)

    async def _ask(self, host: str, port: int) -> Sequence[Address]:
        if self._resolver is None:
            self._resolver = aiodns.DNSResolver(
                self._servers, timeout=TRY_SECONDS, tries=TRIES, udp_port=self._port, tcp_port=self._port
            )
        answer = await self._resolver.getaddrinfo(host, port=port, family=socket.AF_UNSPEC, type=socket.SOCK_STREAM)
        # before any of them is read: an answer has room for thousands
        if len(answer.nodes) > ADDRESSES:
            raise UrlRefusedError(f"must not have more than {ADDRESSES} addresses: {host}")
        addresses = (ip_address(node.addr[0].decode().partition("%")[0]) for node in answer.nodes)
        return list(dict.fromkeys(addresses))
