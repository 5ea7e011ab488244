"""Where a key's requests go, while its merchant is at home, on its way, or in a cell that does not answer."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID, uuid4

import pytest

from edge.use_cases.places import BOUND_SECONDS, HOLD_SECONDS, Places
from mesh.errors import ApiError, unavailable

KEY = b"digest of a key"


class Cell:
    """A cell's identities."""

    def __init__(self) -> None:
        self.away = False
        self.states: dict[UUID, str] = {}
        self.keys: dict[bytes, UUID] = {}
        self.asked = 0

    async def moves(self) -> dict[UUID, str]:
        self._answer()
        return dict(self.states)

    async def owner(self, digest: bytes) -> UUID | None:
        self._answer()
        self.asked += 1
        return self.keys.get(digest)

    def _answer(self) -> None:
        if self.away:
            raise unavailable("DATABASE_UNAVAILABLE", "away")


class World:
    """Two cells, a merchant in the first, and a clock that moves when somebody waits."""

    def __init__(self) -> None:
        self.time = 0.0
        self.cells = {"first": Cell(), "second": Cell()}
        self.first, self.second = self.cells.values()
        self.merchant = uuid4()
        self.first.keys[KEY] = self.merchant
        self.later: dict[float, Callable[[], object]] = {}
        self.places = Places(self.cells, now=lambda: self.time, pause=self.pause)

    async def pause(self, seconds: float) -> None:
        self.time += seconds
        for moment in [moment for moment in self.later if moment <= self.time]:
            self.later.pop(moment)()
        await self.look()

    async def look(self) -> None:
        for watcher, cell in zip(self.places.watchers, self.cells.values(), strict=True):
            if not cell.away:
                await watcher._step()

    def arrive(self) -> None:
        self.second.keys[KEY] = self.merchant
        self.first.states[self.merchant] = "MOVED"


@pytest.fixture
async def world() -> World:
    world = World()
    await world.look()
    return world


async def test_key_goes_where_its_merchant_is_and_is_looked_up_once(world: World) -> None:
    assert [await world.places.place_of(KEY) for _ in range(3)] == ["first"] * 3
    assert world.first.asked == 1


async def test_copies_on_their_way_are_no_home(world: World) -> None:
    world.second.keys[KEY] = world.merchant
    world.second.states[world.merchant] = "ARRIVING"
    await world.look()
    assert await world.places.place_of(KEY) == "first"


async def test_request_of_a_held_merchant_waits_and_goes_to_the_other_cell(world: World) -> None:
    assert await world.places.place_of(KEY) == "first"
    world.first.states[world.merchant] = "HELD"
    await world.look()
    world.later[1.0] = world.arrive
    assert await world.places.place_of(KEY) == "second"
    assert 1.0 <= world.time < 1.2


async def test_what_is_nobodys_waits_while_anybody_is_held(world: World) -> None:
    assert await world.places.place_of(None) == "first"
    world.first.states[world.merchant] = "HELD"
    await world.look()
    world.later[1.0] = world.arrive
    assert await world.places.place_of(None) == "first"
    assert world.time >= 1.0


async def test_who_does_not_arrive_is_told_to_try_again(world: World) -> None:
    world.first.states[world.merchant] = "HELD"
    await world.look()
    with pytest.raises(ApiError) as refusal:
        await world.places.place_of(KEY)
    assert refusal.value.reason == "MERCHANT_IS_MOVING"
    assert world.time >= HOLD_SECONDS


async def test_nothing_goes_by_what_was_read_too_long_ago(world: World) -> None:
    """Who holds a merchant relies on it."""
    assert await world.places.place_of(KEY) == "first"
    world.first.away = True
    world.time += BOUND_SECONDS
    with pytest.raises(ApiError) as refusal:
        await world.places.place_of(KEY)
    assert refusal.value.reason == "CELL_UNAVAILABLE"


async def test_cell_that_is_away_is_no_matter_to_merchants_of_others(world: World) -> None:
    other = b"another key"
    world.second.keys[other] = uuid4()
    world.first.away = True
    assert await world.places.place_of(other) == "second"
    with pytest.raises(ApiError) as refusal:
        await world.places.place_of(b"an unknown key, perhaps of the first")
    assert refusal.value.reason == "CELL_UNAVAILABLE"


async def test_unknown_key_is_refused_by_the_first_cell(world: World) -> None:
    assert await world.places.place_of(b"unknown") == "first"


async def test_merchant_in_two_cells_is_in_none(world: World) -> None:
    world.second.keys[KEY] = world.merchant
    with pytest.raises(ApiError) as refusal:
        await world.places.place_of(KEY)
    assert refusal.value.reason == "MERCHANT_IS_MOVING"
