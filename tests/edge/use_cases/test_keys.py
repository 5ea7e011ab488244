"""The memory of keys: what it saves, and how old what it says may be."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from edge.domain import Identity, Mode, Permissions
from edge.use_cases.keys import POLLS_WITHIN_BOUND, QUIET_SECONDS, KeyCache
from mesh.errors import ApiError, unavailable

BOUND = 0.9
START = datetime(2026, 1, 1, tzinfo=UTC)
NOBODY = UUID(int=0)


def identity_of(expire_time: datetime | None = None) -> Identity:
    return Identity(NOBODY, NOBODY, Permissions(Mode.TEST, ("*",)), expire_time, None)


class World:
    """A database of keys, and the time."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.keys: dict[bytes, Identity] = {}
        self.log: list[tuple[int, bytes]] = []
        self.lookups = 0
        self.down = False

    def change(self, digest: bytes, identity: Identity | None) -> None:
        self.keys.pop(digest, None)
        if identity:
            self.keys[digest] = identity
        self.log.append((len(self.log) + 1, digest))

    async def identify(self, digest: bytes) -> Identity | None:
        self._check()
        self.lookups += 1
        return self.keys.get(digest)

    async def newest(self) -> int:
        self._check()
        return len(self.log)

    async def changes(self, seen: int) -> list[tuple[int, bytes]]:
        self._check()
        return self.log[seen:]

    def _check(self) -> None:
        if self.down:
            raise unavailable("DATABASE_UNAVAILABLE", "down")


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def cache(world: World) -> KeyCache:
    return KeyCache(world, BOUND, 3, now=lambda: world.seconds, clock=lambda: START + timedelta(seconds=world.seconds))


async def test_key_is_looked_up_once_as_long_as_nothing_changes(world: World, cache: KeyCache) -> None:
    world.change(b"a", identity_of())
    for _ in range(100):
        await cache.watch()
        world.seconds += BOUND / 3
        assert await cache.identify(b"a") is world.keys[b"a"]
        assert await cache.identify(b"unknown") is None
    assert world.lookups == 2


async def test_change_is_seen_at_the_next_look(world: World, cache: KeyCache) -> None:
    world.change(b"a", identity_of())
    await cache.watch()
    before = await cache.identify(b"a")
    world.change(b"a", identity_of())
    await cache.watch()
    assert await cache.identify(b"a") is world.keys[b"a"] is not before
    world.change(b"a", None)
    await cache.watch()
    assert await cache.identify(b"a") is None
    world.change(b"a", identity_of())
    await cache.watch()
    assert await cache.identify(b"a") is world.keys[b"a"]


async def test_memory_that_was_not_renewed_within_the_bound_does_not_count(world: World, cache: KeyCache) -> None:
    world.change(b"a", identity_of())
    await cache.watch()
    assert await cache.identify(b"a")
    world.change(b"a", None)
    world.seconds += BOUND
    assert await cache.identify(b"a") is None
    world.down = True
    with pytest.raises(ApiError, match="DATABASE_UNAVAILABLE"):
        await cache.identify(b"a")


async def test_another_database_is_believed_from_its_own_log_on(world: World, cache: KeyCache) -> None:
    """A backup was restored: its log is shorter, and a revocation in it has a number that was there before."""
    for key in (b"a", b"b", b"c"):
        world.change(key, identity_of())
    await cache.watch()
    await cache.identify(b"a")
    await cache.identify(b"unknown")
    world.log = world.log[:1]
    world.keys[b"unknown"] = identity_of()
    cache.forget()
    await cache.watch()
    assert await cache.identify(b"unknown")
    assert await cache.identify(b"a")
    world.change(b"a", None)
    await cache.watch()
    assert await cache.identify(b"a") is None


async def test_look_at_the_database_before_is_no_look_at_this_one(world: World, cache: KeyCache) -> None:
    world.change(b"a", identity_of())
    original = world.changes

    async def overtaken(seen: int) -> list[tuple[int, bytes]]:
        found = await original(seen)
        world.log, world.keys = [], {b"a": identity_of()}
        cache.forget()
        return found

    world.changes = overtaken  # type: ignore[method-assign]
    await cache.watch()
    world.changes = original  # type: ignore[method-assign]
    await cache.watch()
    assert await cache.identify(b"a")
    world.change(b"a", None)
    await cache.watch()
    assert await cache.identify(b"a") is None


async def test_answer_that_a_change_overtook_is_not_kept(world: World, cache: KeyCache) -> None:
    """The row was read before the revocation, the watcher saw the revocation, and then the answer came."""
    world.change(b"a", identity_of())
    await cache.watch()
    lookup = cache.identify(b"a")
    original = world.identify

    async def overtaken(digest: bytes) -> Identity | None:
        found = await original(digest)
        world.change(b"a", None)
        await cache.watch()
        return found

    world.identify = overtaken  # type: ignore[method-assign]
    await lookup
    world.identify = original  # type: ignore[method-assign]
    assert await cache.identify(b"a") is None


async def test_key_ends_when_its_time_has_come_without_a_look_up(world: World, cache: KeyCache) -> None:
    world.change(b"a", identity_of(START + timedelta(seconds=1)))
    for second, valid in ((0, True), (0.999, True), (1, False)):
        world.seconds = second
        await cache.watch()
        assert bool(await cache.identify(b"a")) is valid
    assert world.lookups == 1


async def test_guessing_pushes_no_valid_key_out(world: World, cache: KeyCache) -> None:
    world.change(b"a", identity_of())
    await cache.watch()
    await cache.identify(b"a")
    for number in range(10):
        await cache.identify(f"guess {number}".encode())
    assert world.lookups == 11
    await cache.identify(b"a")
    assert world.lookups == 11


async def test_before_the_first_look_nothing_is_kept(world: World, cache: KeyCache) -> None:
    world.change(b"a", identity_of())
    for _ in range(2):
        assert await cache.identify(b"a")
    assert world.lookups == 2


async def test_nothing_is_looked_for_while_nobody_asks_and_a_key_that_ended_meanwhile_is_refused(
    world: World, cache: KeyCache
) -> None:
    world.change(b"a", identity_of())
    await cache.watch()
    assert await cache.identify(b"a")
    assert cache.until_next_look() == BOUND / POLLS_WITHIN_BOUND
    world.seconds += QUIET_SECONDS
    assert cache.until_next_look() == QUIET_SECONDS
    world.change(b"a", None)
    assert await cache.identify(b"a") is None
    assert cache.until_next_look() == BOUND / POLLS_WITHIN_BOUND
