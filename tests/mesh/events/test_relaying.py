"""What the relay does with rows, whatever the stream says of them: neither a bus nor a database is there."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest
from fusionx.order.v1 import order_events_pb2, order_pb2

from mesh import context
from mesh.events import outbox
from mesh.events import relay as module
from mesh.events.bus import UnpublishableError
from mesh.events.envelope import event as event_of
from mesh.events.outbox import Unpublished
from mesh.events.relay import BATCH, Relay
from mesh.metrics import EVENTS_PUBLISHED

NOW = datetime(2026, 1, 1, tzinfo=UTC)
RESOURCE = uuid.UUID(int=1)


def payload() -> bytes:
    context.enter(context.Call(f"{1:032x}"))
    order = order_pb2.Order(order_id=str(RESOURCE))
    made = event_of(
        order_events_pb2.OrderCreated(order=order), aggregate_id=RESOURCE, version=1, merchant_id=RESOURCE, time=NOW
    )
    return made.payload


PAYLOAD = payload()


def row(seq: int, before: int | None = None, **more: Any) -> Unpublished:
    made = Unpublished(seq, RESOURCE, "fusionx.order.v1.created", PAYLOAD, NOW - timedelta(seconds=1), 0, before)
    return made._replace(**more)


class World:
    """A stream and a table in the test's hands."""

    signer = None

    def __init__(self) -> None:
        self.sent: list[tuple[int, str]] = []
        self.answers: dict[int, Any] = {}
        self.does: list[Any] = []
        self.table: list[Unpublished] = []
        self.claims: list[tuple[int, list[int]]] = []
        self.logged: list[Any] = []
        self.published = 0
        self.another: Any = None
        me = cast(Any, self)
        self.relay = Relay(me, me, lambda: NOW)
        self.relay._takes_all = False

    def when_back(self, tell: Any) -> None:
        """Nobody comes back."""

    def when_another(self, tell: Any) -> None:
        """Keep who is told."""
        self.another = tell

    async def publish(self, subject: str, data: bytes, headers: dict[str, str]) -> asyncio.Future[Any]:
        """Take a message: by the order of its coming."""
        self.published += 1
        answer = self.answers.get(self.published)
        if isinstance(answer, UnpublishableError):
            raise answer
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        if isinstance(answer, Exception):
            future.set_exception(answer)
        elif answer != "silent":
            future.set_result(SimpleNamespace(seq=1000 + self.published, duplicate=answer == "copy"))
        return future

    async def ensure_streams(self) -> None:
        """Make sure that there is something to store it in."""
        self.does.append("ensures")

    @asynccontextmanager
    async def session(self) -> AsyncIterator[World]:
        """Lend a session."""
        yield self

    transaction = session

    async def all(self, statement: object, *, batch: int, last: int, seqs: Sequence[int]) -> list[Unpublished]:
        """Claim rows."""
        assert statement is outbox.CLAIM
        assert batch == BATCH
        self.claims.append((last, sorted(seqs)))
        return self.table[:batch]

    async def run(self, statement: object, **given: Any) -> int:
        """Keep what is noted."""
        named = {"aside": outbox.SET_ASIDE, "rename": outbox.RENAME, "mark": outbox._MARK}
        self.does.append((next(name for name, one in named.items() if one is statement), *given.values()))
        return 1

    async def one(self, statement: object, **_: object) -> int:
        """Return the number of the last row."""
        return 77


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    """A world in which nobody rests."""
    made = World()

    async def no_rest(rows: int, began: float) -> None:
        del began
        made.does.append(("rests", rows))

    monkeypatch.setattr(made.relay, "_rest", no_rest)
    monkeypatch.setattr(module, "PUBLISH_TIMEOUT", 0.01)
    return made


async def test_who_meets_another_replica_notes_soon_for_a_while_as_that_one_may_wait_for_it(world: World) -> None:
    loop = asyncio.get_running_loop()
    for carried, alone, most in (
        (row(3, 9), float("-inf"), 0.3),
        (row(4), loop.time() + 600, 0.1),
        (row(5), loop.time() - 1, 0.3),
    ):
        world.relay._alone_from = alone
        world.relay.carry([carried, row(carried.seq + 10)])
        await world.relay._publish_fresh()
        assert world.relay._mark_timer is not None
        assert most - 0.1 < world.relay._mark_timer.when() - loop.time() <= most
        if carried.before:
            assert 599 < world.relay._alone_from - loop.time() <= 600
        cancel(world.relay)
        world.relay._mark_timer = None


def cancel(relay: Relay) -> None:
    for timer in (relay._mark_timer, relay._retry):
        if timer:
            timer.cancel()


async def test_what_was_committed_is_published_and_noted_later(world: World) -> None:
    before = EVENTS_PUBLISHED._value.get()
    world.relay.carry([row(1), row(2, 1), row(3, 9)])
    assert await world.relay._publish_fresh() is False
    assert world.relay._marks == {1: 1001, 2: 1002}
    # of the third the one before is somebody else's
    assert world.relay._left == {3}
    assert world.relay._mark_timer is not None
    now = asyncio.get_running_loop().time()
    assert module.MARK_SECONDS < world.relay._mark_timer.when() - now <= module.ALONE_MARK_SECONDS
    assert world.does == [("rests", 3)]
    assert EVENTS_PUBLISHED._value.get() - before == 2
    await world.relay._mark()
    assert world.does[1:] == [("mark", [1, 2], [1001, 1002])]
    assert (world.relay._marks, world.relay._marked) == ({}, {1: 1001, 2: 1002})
    # it is remembered for a second
    assert 0 < world.relay._marked_until - asyncio.get_running_loop().time() <= 1.0
    await world.relay._mark()
    assert len(world.does) == 2
    cancel(world.relay)


async def test_what_follows_a_row_that_was_published_before_goes_at_once(world: World) -> None:
    world.relay._marks = {1: 5}
    world.relay.carry([row(2, 1)])
    await world.relay._publish_fresh()
    assert set(world.relay._marks) == {1, 2}
    cancel(world.relay)


@pytest.mark.parametrize(("rows", "more", "timer"), [(0, False, False), (BATCH - 1, False, True), (BATCH, True, False)])
async def test_full_batch_is_noted_at_once(world: World, rows: int, more: bool, timer: bool) -> None:
    world.relay.carry([row(seq) for seq in range(1, rows + 1)])
    assert await world.relay._publish_fresh() is more
    assert (world.relay._mark_timer is not None) is timer
    cancel(world.relay)


async def test_more_than_a_batch_is_published_in_parts(world: World) -> None:
    world.relay.carry([row(seq) for seq in range(1, BATCH + 2)])
    assert await world.relay._publish_fresh() is True
    assert [one.seq for one in world.relay._fresh] == [BATCH + 1]
    cancel(world.relay)


@pytest.mark.parametrize("answer", ["silent", ConnectionError("gone")])
async def test_what_the_stream_does_not_acknowledge_is_claimed_again(world: World, answer: Any) -> None:
    world.answers = {2: answer}
    world.relay.carry([row(1), row(2), row(3, 2), row(4)])
    with pytest.raises(ConnectionError, match="1 of 4 events"):
        await world.relay._publish_fresh()
    assert world.relay._left == {2, 3}
    assert set(world.relay._marks) == {1, 4}
    assert (world.does, world.relay._takes_all) == (["ensures"], True)
    assert world.published == 3
    cancel(world.relay)


async def test_what_can_never_be_published_is_left_to_be_set_aside(world: World) -> None:
    world.answers = {1: UnpublishableError("too large")}
    world.relay.carry([row(1), row(2, 1), row(3, payload=b"\xff")])
    await world.relay._publish_fresh()
    assert (world.relay._left, set(world.relay._marks)) == ({1, 3}, {2})
    cancel(world.relay)


async def test_what_is_left_is_claimed_noted_set_aside_and_renamed(world: World) -> None:
    world.table = [row(1), row(2), row(3, 2), row(4)]
    world.answers = {1: UnpublishableError("too large"), 2: "copy"}
    world.relay._left, world.relay._last_seen = {2, 4}, 50
    world.relay._fresh = [row(1), row(9)]
    assert await world.relay._publish_left(looks=False) is False
    assert world.claims == [(0, [2, 4])]
    assert world.does == [("aside", [1]), ("mark", [4], [1003]), ("rename", [2]), ("rests", 4)]
    # its copy may be too old for who reads it: it comes again, and what waits for it
    assert world.relay._left == {2, 3}
    assert [one.seq for one in world.relay._fresh] == [9]
    assert world.relay._last_seen == 50
    cancel(world.relay)


@pytest.mark.parametrize(("takes_all", "last"), [(True, outbox.ALL), (False, 50)])
@pytest.mark.parametrize("rows", [0, 2, BATCH])
async def test_look_takes_what_was_there_before_or_all(world: World, takes_all: bool, last: int, rows: int) -> None:
    world.table = [row(seq) for seq in range(1, rows + 1)]
    world.relay._takes_all, world.relay._last_seen = takes_all, 50
    more = await world.relay._publish_left(looks=True)
    assert world.claims == [(last, [])]
    assert more is (rows == BATCH)
    assert world.relay._takes_all is (takes_all and more)
    looked = world.relay._looked > 0
    assert (looked, world.relay._last_seen) == ((False, 50) if more else (True, 77))


async def test_what_fails_has_all_read_from_the_table(world: World) -> None:
    async def fails(_rows: object) -> None:
        raise ValueError("odd")

    world.relay._publish_all = fails  # type: ignore[assignment,method-assign]
    world.relay._fresh = [row(1)]
    with pytest.raises(ValueError, match="odd"):
        await world.relay._publish_fresh()
    assert world.relay._takes_all
    world.relay._takes_all = False
    with pytest.raises(ValueError, match="odd"):
        await world.relay._publish_left(looks=False)
    assert world.relay._takes_all


async def test_numbers_of_another_database_mean_nothing(world: World) -> None:
    relay = world.relay
    publish_all = relay._publish_all

    async def meanwhile(rows: Sequence[Unpublished]) -> Any:
        done = await publish_all(rows)
        world.another()
        return done

    relay._publish_all = meanwhile  # type: ignore[method-assign]
    relay._fresh, relay._left, relay._marked, relay._last_seen = [row(1)], {5}, {6: 6}, 7
    assert await relay._publish_fresh() is True
    assert (relay._marks, relay._left, relay._marked, relay._last_seen, relay._takes_all) == ({}, set(), {}, 0, True)


async def test_what_was_begun_with_is_published_and_noted_at_the_end(world: World) -> None:
    world.relay.carry([row(seq) for seq in range(1, BATCH + 3)])
    await world.relay._end()
    marked = [one[1] for one in world.does if one[0] == "mark"]
    assert [len(one) for one in marked] == [BATCH + 2]
    cancel(world.relay)


async def test_what_was_set_aside_is_told_of(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[Any] = []
    monkeypatch.setattr(module, "alert", lambda *_, **fields: told.append((fields["seq"], fields["reason"])))
    world.table = [row(1), row(2)]
    world.answers = {1: UnpublishableError("too large")}
    await world.relay._publish_left(looks=False)
    assert told == [(1, "too large")]


async def test_published_again_from_a_time_within_a_week(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    repeated = [[3, 2], [5], []]
    asked: list[Any] = []

    async def every(statement: object, *, after: int, last: int, since: datetime) -> list[int]:
        assert statement is outbox.REPEAT
        asked.append((after, last, since))
        return repeated.pop(0)

    async def now() -> datetime:
        return NOW

    monkeypatch.setattr(world, "all", every)
    monkeypatch.setattr(world, "now", now, raising=False)
    week = NOW - timedelta(days=7)
    assert await world.relay.republish(week - timedelta(days=1)) == (3, week)
    assert asked == [(0, 77, week), (3, 77, week), (5, 77, week)]
    assert world.relay._takes_all
    repeated[:] = [[]]
    assert await world.relay.republish(NOW) == (0, NOW)
    repeated[:] = [[]]
    assert await world.relay.republish(None) == (0, week)
