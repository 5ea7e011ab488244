"""Case 5: names that nobody answers for delay nobody else's webhooks.

What one merchant may have under way is held by `tests/notify_svc/use_cases/test_races.py`.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import pytest

from notify_svc.channels.resolver import ABSENT_SECONDS, Resolver
from tests.support.waiting import PATIENCE

MANY = 500


@contextmanager
def silent_server() -> Iterator[socket.socket]:
    """A name server that hears every question and answers none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.setblocking(False)
        yield server


def heard(server: socket.socket) -> int:
    """Count the questions since the last time."""
    count = 0
    try:
        while server.recv(2048):
            count += 1
    except BlockingIOError:
        return count
    return count


@asynccontextmanager
async def resolving(server: socket.socket, clock: list[float]) -> AsyncIterator[Resolver]:
    """Lend a resolver that asks the server, on a clock that the test moves."""
    resolver = Resolver(["127.0.0.1"], server.getsockname()[1], now=lambda: clock[0])
    yield resolver
    await resolver.close()


async def test_many_silent_names_hold_up_none_that_is_known() -> None:
    with silent_server() as server:
        async with resolving(server, [0.0]) as resolver:
            silent = [asyncio.create_task(resolver(f"{n}.example", 443)) for n in range(MANY)]
            await asyncio.sleep(0)
            assert await resolver("localhost", 443)
            assert not any(one.done() for one in silent)
            ends = await asyncio.wait_for(asyncio.gather(*silent, return_exceptions=True), PATIENCE)
            assert {type(end) for end in ends} == {OSError}


async def test_name_is_asked_for_once_by_all_and_not_again_at_once() -> None:
    clock = [0.0]
    with silent_server() as server:
        async with resolving(server, clock) as resolver:
            ends = await asyncio.gather(*(resolver("shop.example", 443) for _ in range(MANY)), return_exceptions=True)
            assert {type(end) for end in ends} == {OSError}
            assert 0 < heard(server) < 20
            with pytest.raises(OSError, match=r"[a-z]"):
                await resolver("shop.example", 443)
            assert heard(server) == 0
            clock[0] += ABSENT_SECONDS
            with pytest.raises(OSError, match=r"[a-z]"):
                await resolver("shop.example", 443)
            assert heard(server) > 0
