"""Locks keep two from the same work while Redis is there, and nobody from anything while it is not."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from mesh.storage.lock import Locks
from stack.stack import Ready


@pytest.fixture
async def locks(gateway: Ready) -> AsyncIterator[Locks]:
    locks = Locks(gateway.redis_url)
    yield locks
    await locks.close()


@pytest.fixture
def name() -> str:
    return f"test:{uuid.uuid4()}"


async def test_lock_is_held_by_one_at_a_time(locks: Locks, name: str) -> None:
    async with locks.hold(name, wait=0) as first, locks.hold(name, wait=0.1) as second:
        assert (first, second) == (True, False)
    async with locks.hold(name, wait=0) as third:
        assert third


async def test_lock_that_ran_out_is_not_released_under_its_next_holder(locks: Locks, gateway: Ready, name: str) -> None:
    key = f"fusionxpay:lock:{name}"
    async with Redis.from_url(gateway.redis_url) as redis:
        async with locks.hold(name, wait=0) as taken:
            assert taken
            await redis.set(key, "somebody else")
        assert await redis.get(key) == b"somebody else"
        await redis.delete(key)


async def test_lock_is_let_go_when_the_work_fails(locks: Locks, name: str) -> None:
    with pytest.raises(ValueError, match="bad luck"):
        async with locks.hold(name, wait=0):
            raise ValueError("bad luck")
    async with locks.hold(name, wait=0) as again:
        assert again


async def test_flushed_lock_is_free_and_its_old_holder_does_no_harm(locks: Locks, gateway: Ready, name: str) -> None:
    async with Redis.from_url(gateway.redis_url) as redis, locks.hold(name, wait=0):
        await redis.delete(f"fusionxpay:lock:{name}")
        async with locks.hold(name, wait=0) as second:
            assert second


async def test_redis_that_has_forgotten_how_locks_are_released_hears_it_again(
    locks: Locks, gateway: Ready, name: str
) -> None:
    async with Redis.from_url(gateway.redis_url) as redis:
        async with locks.hold(name, wait=0):
            await redis.script_flush()
        assert not await redis.exists(f"fusionxpay:lock:{name}")


async def test_lock_that_is_let_go_meanwhile_is_taken_and_one_that_stays_is_not(locks: Locks, name: str) -> None:
    async def second(wait: float) -> bool:
        async with locks.hold(name, wait=wait) as taken:
            return taken

    async with locks.hold(name, wait=0):
        assert not await second(0.3)
        waiting = asyncio.create_task(second(20))
        await asyncio.wait([waiting], timeout=0.2)
        assert not waiting.done()
    assert await waiting


async def test_holder_that_is_cancelled_lets_go(locks: Locks, name: str) -> None:
    holding = asyncio.Event()

    async def work() -> None:
        async with locks.hold(name, wait=0):
            holding.set()
            await asyncio.Event().wait()

    working = asyncio.create_task(work())
    await holding.wait()
    working.cancel()
    await asyncio.wait([working])
    async with locks.hold(name, wait=0) as taken:
        assert taken


@pytest.mark.parametrize("url", ["", "redis://127.0.0.1:1/0"])
async def test_without_redis_nobody_is_kept_from_anything(url: str, name: str) -> None:
    locks = Locks(url)
    async with locks.hold(name, wait=1) as first, locks.hold(name, wait=1) as second:
        assert (first, second) == (True, True)
    await locks.close()
