"""In which cell a key's merchant is at home, asked of the cells' own identities.

No table of places is kept beside them, which could say something else: a merchant is where its key is, unless the cell
says that it is on its way. What a cell says is read again several times within `BOUND_SECONDS`, after which nothing
that was read counts: who holds a merchant waits for as long, and knows that no request of it goes anywhere any more.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol
from uuid import UUID

from mesh.errors import is_outage, unavailable
from mesh.telemetry import get_logger
from mesh.worker import Worker

log = get_logger(__name__)

BOUND_SECONDS = 0.4
"""How old may be what is known of a cell's moves, for a request to go there."""
LOOK_SECONDS = BOUND_SECONDS / 8
HOLD_SECONDS = 5.0
"""How long a request waits for its merchant to arrive before it is refused."""
KEPT = 20_000
MOVING = unavailable("MERCHANT_IS_MOVING", "the merchant's data are on their way, try again")
AWAY = unavailable("CELL_UNAVAILABLE", "the merchant's cell is out of reach, try again")


class CellSource(Protocol):
    """What a cell knows. All raise ApiError UNAVAILABLE when it is out of reach."""

    async def moves(self) -> dict[UUID, str]:
        """Return the state of each merchant that comes to the cell, or leaves it."""
        ...

    async def owner(self, digest: bytes) -> UUID | None:
        """Return the merchant whose key has this digest, if the cell has the key."""
        ...


class Places:
    """Where requests go. `cells` are in order: the first takes what belongs to nobody."""

    def __init__(
        self,
        cells: Mapping[str, CellSource],
        *,
        now: Callable[[], float] = time.monotonic,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._cells = cells
        self._now = now
        self._pause = pause
        self._moves: dict[str, dict[UUID, str]] = {}
        self._read: dict[str, float] = dict.fromkeys(cells, float("-inf"))
        self._owners: OrderedDict[bytes, dict[str, UUID]] = OrderedDict()
        self.watchers = [Worker(f"cell-{name}-watcher", self._watcher(name), LOOK_SECONDS) for name in cells]

    async def place_of(self, digest: bytes | None) -> str:
        """Return the cell that a key's merchant is at home in, once it is at home anywhere.

        What comes without a key, such as a provider's webhook, may be anybody's: while any merchant is held, it waits.
        Raises ApiError UNAVAILABLE when that takes too long, or the cell is out of reach.
        """
        ends = self._now() + HOLD_SECONDS
        refusal = MOVING
        while True:
            place = self._of_nobody() if digest is None else await self._of_key(digest)
            if place and self._now() < self._read[place] + BOUND_SECONDS:
                return place
            refusal = AWAY if place else MOVING
            if self._now() >= ends:
                raise refusal
            await self._pause(LOOK_SECONDS)

    def _of_nobody(self) -> str:
        """Return the first cell, unless there is a merchant whom nobody serves just now."""
        held = any("HELD" in moves.values() for moves in self._moves.values())
        return "" if held else next(iter(self._cells))

    async def _of_key(self, digest: bytes) -> str:
        """Return the one cell where the key's merchant is at home; empty when there is none at the moment."""
        owners = self._owners.get(digest)
        places = self._at_home(owners or {})
        if not places:
            owners = await self._look_up(digest)
            if not owners:
                # it is refused there, as an unknown key is anywhere
                return next(iter(self._cells))
            places = self._at_home(owners)
        if len(places) > 1:
            log.error("a merchant is at home in two cells", cells=places, merchant_id=str((owners or {})[places[0]]))
            return ""
        return places[0] if places else ""

    def _at_home(self, owners: Mapping[str, UUID]) -> list[str]:
        return [cell for cell, merchant in owners.items() if merchant not in self._moves.get(cell, {})]

    async def _look_up(self, digest: bytes) -> dict[str, UUID]:
        """Ask every cell for the key. One that is away has nobody: its merchants are told so by who does not answer."""
        asked = [source.owner(digest) for source in self._cells.values()]
        answers = await asyncio.gather(*asked, return_exceptions=True)
        owners: dict[str, UUID] = {}
        away: BaseException | None = None
        for cell, answer in zip(self._cells, answers, strict=True):
            if isinstance(answer, UUID):
                owners[cell] = answer
            elif isinstance(answer, BaseException):
                away = answer
        if away is not None and not (is_outage(away) and self._at_home(owners)):
            # the key may be of the cell that does not answer
            raise AWAY if is_outage(away) else away
        if owners:
            self._owners[digest] = owners
            if len(self._owners) > KEPT:
                self._owners.popitem(last=False)
        return owners

    def _watcher(self, name: str) -> Callable[[], Awaitable[bool]]:
        async def watch() -> bool:
            started = self._now()
            self._moves[name] = await self._cells[name].moves()
            self._read[name] = started
            return False

        return watch
