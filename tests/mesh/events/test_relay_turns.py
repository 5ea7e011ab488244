"""What the relay does next: when it looks, what it keeps in memory, and how long it waits with what is left."""

from __future__ import annotations

import asyncio
import uuid
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from mesh.events.outbox import Unpublished
from mesh.events.relay import BATCH, MOST_FRESH, Published, Relay
from mesh.storage.database import Database

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def row(seq: int, before: int | None = None) -> Unpublished:
    return Unpublished(seq, uuid.uuid4(), "fusionx.order.v1.created", b"", NOW, 0, before)


class _Nobody:
    """Neither a database nor a bus."""

    def when_back(self, tell: object) -> None: ...

    def when_another(self, tell: object) -> None: ...


class Watched(Relay):
    """A relay that only says what it would do."""

    def __init__(self) -> None:
        super().__init__(cast(Any, _Nobody()), cast(Any, _Nobody()))
        self.does: list[str] = []

    async def _publish_left(self, *, looks: bool) -> bool:
        self.does.append("looks" if looks else "left")
        return False

    async def _publish_fresh(self) -> bool:
        self.does.append("fresh")
        return False

    async def _mark(self) -> None:
        self.does.append("mark")


def loop_time() -> float:
    return asyncio.get_running_loop().time()


@pytest.mark.parametrize(
    ("takes_all", "seconds_ago", "does"),
    [(True, 0.0, ["looks"]), (False, 4.0, ["fresh"]), (False, 4.6, ["looks"]), (False, 10.0, ["looks"])],
)
async def test_table_is_looked_at_every_five_seconds_or_when_all_is_to_be_published(
    takes_all: bool, seconds_ago: float, does: list[str]
) -> None:
    relay = Watched()
    relay._takes_all, relay._looked = takes_all, loop_time() - seconds_ago
    await relay._step()
    assert relay.does == does


async def test_what_is_left_is_claimed_once_its_pause_is_over_without_a_look() -> None:
    relay = Watched()
    relay._takes_all, relay._looked = False, loop_time()
    relay._leave([row(1), row(2)], {2})
    assert relay._left == {1}
    await relay._step()
    assert relay._retry
    relay._retry.cancel()
    relay._due_to_retry()
    await relay._step()
    assert relay.does == ["fresh", "left"]


async def test_marks_are_noted_when_their_timer_is_over() -> None:
    relay = Watched()
    relay._takes_all, relay._looked = False, loop_time()
    relay._marks = {1: 1}
    relay._mark_timer = asyncio.get_running_loop().call_later(60, lambda: None)
    await relay._step()
    relay._mark_timer.cancel()
    relay._due_to_mark()
    await relay._step()
    assert relay.does == ["fresh", "mark", "fresh"]


async def test_pauses_grow_up_to_a_second_and_begin_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    loop = asyncio.get_running_loop()
    monkeypatch.setattr(loop, "call_later", lambda seconds, _call: pauses.append(round(seconds, 6)))
    relay = Watched()
    for _ in range(7):
        relay._leave([row(1)], set())
    relay._left.clear()
    relay._leave([row(1)], {1})
    assert relay._tries == 0
    relay._leave([row(2)], set())
    assert pauses == [0.04, 0.08, 0.16, 0.32, 0.64, 1.0, 1.0, 0.04]


async def test_one_pause_at_a_time_is_waited_for() -> None:
    relay = Watched()
    relay._leave([row(1)], set())
    first = relay._retry
    relay._leave([row(2)], set())
    assert first
    assert relay._retry is first
    first.cancel()


@pytest.mark.parametrize(("rows", "all_"), [(BATCH, False), (BATCH + 1, True)])
async def test_more_than_a_batch_that_is_left_is_read_from_the_table(rows: int, all_: bool) -> None:
    relay = Watched()
    relay._takes_all = False
    relay._leave([row(seq) for seq in range(rows)], set())
    assert (relay._takes_all, len(relay._left)) == (all_, 0 if all_ else rows)
    if relay._retry:
        relay._retry.cancel()


@pytest.mark.parametrize(("rows", "kept"), [(1, 1), (MOST_FRESH, MOST_FRESH), (MOST_FRESH + 1, 0)])
async def test_no_more_rows_are_kept_in_memory_than_have_room(rows: int, kept: int) -> None:
    relay = Watched()
    relay._takes_all = False
    relay.carry([row(seq) for seq in range(rows)])
    assert (len(relay._fresh), relay._takes_all) == (kept, not kept)


async def test_who_takes_all_keeps_nothing_beside_it() -> None:
    relay = Watched()
    relay.carry([row(1)])
    assert relay._fresh == []


async def test_what_was_noted_is_remembered_for_a_while() -> None:
    relay = Watched()
    relay._marks, relay._marked = {1: 1}, {2: 2}
    relay._marked_until = loop_time() + 60
    assert [relay._has_published(seq) for seq in (1, 2, 3, None)] == [True, True, False, False]
    relay._marked_until = loop_time() - 1
    assert [relay._has_published(seq) for seq in (1, 2)] == [True, False]


@pytest.mark.parametrize(("rows", "rests"), [(0, []), (1, [0.02]), (BATCH - 1, [0.02]), (BATCH, [])])
async def test_relay_rests_after_a_batch_that_is_not_full(
    rows: int, rests: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    relay = Watched()
    relay._pace._per_second, relay._pace._told = 1000.0, loop_time()
    await relay._rest(rows, loop_time())
    assert slept == rests


async def test_relay_that_has_little_to_do_does_not_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asyncio, "sleep", None)
    relay = Watched()
    await relay._rest(1, loop_time())
    await relay._rest(1, loop_time())


def test_row_is_next_when_the_one_before_it_is_dealt_with() -> None:
    done = Published(stored={1: 10}, refused={2: "no"}, copies={3})
    assert [done.is_next(row(9, before)) for before in (None, 1, 2, 3, 4)] == [True, True, True, False, False]


async def test_janitor_rests_when_there_is_nothing_more_to_delete(database: Database) -> None:
    relay = Relay(database, cast(Any, _Nobody()))
    assert not await relay._purge()
