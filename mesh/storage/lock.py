"""Locks in Redis, which keep two workers from doing the same work twice.

An optimisation only: correctness rests on versions, constraints and row locks in PostgreSQL. Where Redis is away or was
flushed, work goes on without a lock. Source: Redis documentation, "Distributed Locks with Redis", single instance: a
random token, an expiry, and a release that compares the token.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from uuid import UUID

from mesh.metrics import LOCKS
from mesh.storage.spare_redis import AWAY, Redis, SpareRedis
from mesh.telemetry import get_logger

log = get_logger(__name__)

TTL_SECONDS = 30.0
"""Longer than any work under a lock; a holder that died loses it after this."""
TIMEOUT_SECONDS = 0.25
POLL_SECONDS = 0.05
_RELEASE = "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) end return 0"
# finding them by their label costs more than counting
_OUTCOMES = {outcome: LOCKS.labels(outcome) for outcome in ("taken", "busy", "skipped", "away")}
KEPT_SECONDS = 2.0
"""How long it is remembered what has become of a resource."""


@dataclass(slots=True)
class Work:
    """What is under way, and what has become of the resource once it has ended; None where that is not known."""

    outcome: object = None
    ended: asyncio.Event = field(default_factory=asyncio.Event)


class UnderWay:
    """Which resources this process works on: others in it that want to see the outcome wait without asking anybody.

    An outcome is told for a moment longer: what it has caused elsewhere comes back as fast as that.
    """

    def __init__(self) -> None:
        self._works: dict[UUID, Work] = {}

    @asynccontextmanager
    async def working(self, resource_id: UUID) -> AsyncIterator[Work]:
        """Say that a resource, on which nobody else here works, is worked on while the block runs."""
        work = self._works[resource_id] = Work()
        try:
            yield work
        finally:
            work.ended.set()
            if work.outcome is None:
                self._forget(resource_id, work)
            else:
                asyncio.get_running_loop().call_later(KEPT_SECONDS, self._forget, resource_id, work)

    def _forget(self, resource_id: UUID, work: Work) -> None:
        if self._works.get(resource_id) is work:
            del self._works[resource_id]

    async def ended(self, resource_id: UUID, seconds: float) -> object:
        """Wait until a resource is not worked on here, for so many seconds at the most; return the outcome, if any."""
        work = self._works.get(resource_id)
        if work is None:
            return None
        if not work.ended.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await work.ended.wait()
        return work.outcome if work.ended.is_set() else None


@dataclass(frozen=True, slots=True)
class _Held:
    """A lock that was taken."""

    key: str
    token: str


class Locks:
    """Named locks in one Redis; with an empty URL there are none, and nobody is kept from anything.

    By plain commands: the client's own object for a lock costs half as much again.
    """

    def __init__(self, url: str) -> None:
        self.under_way = UnderWay()
        self._redis = SpareRedis(url, TIMEOUT_SECONDS)
        client = self._redis.client()
        self._release = client.register_script(_RELEASE) if client else None

    @asynccontextmanager
    async def hold(self, name: str, wait: float) -> AsyncIterator[bool]:
        """Hold a lock for the block, after waiting for up to `wait` seconds.

        Yields False when somebody else holds it still: then the same work is being done, and the block decides whether
        to do it all the same. Yields True when the lock was taken, and also when Redis cannot say.
        """
        held = await self._take(f"fusionxpay:lock:{name}", wait)
        try:
            yield held is not False
        finally:
            if isinstance(held, _Held) and self._release:
                # a lock that ran out belongs to somebody else by now; the token keeps us from releasing theirs
                with contextlib.suppress(*AWAY):
                    await self._release(keys=[held.key], args=[held.token])

    async def close(self) -> None:
        """Close the connections."""
        await self._redis.close()

    async def _take(self, key: str, wait: float) -> _Held | bool:
        """Return the lock, False when it is taken, True when there is nobody to ask."""
        redis = self._redis.client()
        if redis is None:
            _OUTCOMES["skipped"].inc()
            return True
        held = _Held(key, secrets.token_hex(16))
        try:
            taken = await _taken(redis, held, wait)
        except AWAY as error:
            _OUTCOMES["away"].inc()
            self._redis.leave_alone()
            log.warning("locks are off for a while", error=repr(error))
            return True
        _OUTCOMES["taken" if taken else "busy"].inc()
        return held if taken else False


async def _taken(redis: Redis, wanted: _Held, wait: float) -> bool:
    """Take a lock as soon as it is free, within `wait` seconds; return whether that was so."""
    until = time.monotonic() + wait
    while not await redis.set(wanted.key, wanted.token, nx=True, px=round(TTL_SECONDS * 1000)):
        if time.monotonic() + POLL_SECONDS > until:
            return False
        await asyncio.sleep(POLL_SECONDS)
    return True
