"""A cell that serves requests on so many processors, and clients that come, wait and try again. Seeded."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from typing import Any

import simpy

from bench.scale import costs

Process = Generator[simpy.Event, Any, None]
Pause = Callable[[int, random.Random], float]
"""How long a client waits before a further attempt, by how many it has made."""


def percentile(values: Sequence[float], part: float) -> float:
    """Return the value that so many of them are not above, NaN of none."""
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * part), len(ordered) - 1)] if ordered else math.nan


def at_once(_: int, __: random.Random) -> float:
    """Try again after a tenth of a second, as a loop without thought does."""
    return 0.1


def backing_off(attempts: int, seed: random.Random) -> float:
    """Try again as our client packages do: twice as long each time, up to 8 s, anywhere within."""
    return seed.uniform(0, min(8.0, 0.5 * 2**attempts))


@dataclass
class Cell:
    """A whole mesh on its own databases; `processors` may be changed while it runs."""

    world: simpy.Environment
    processors: int
    seed: random.Random
    limit: int = 1000
    """How many requests may be in flight; more are refused at once."""
    away: bool = False
    busy: int = 0
    offered: list[float] = field(default_factory=list)
    """When each request came."""
    refused: int = 0
    _queue: list[simpy.Event] = field(default_factory=list)

    def serve(self, seconds: float = costs.ORDER_SECONDS) -> Generator[simpy.Event, Any, bool]:
        """Take a request; tell whether it was answered."""
        self.offered.append(self.world.now)
        if self.away or self.busy + len(self._queue) >= self.limit:
            self.refused += 1
            return False
        if self.busy >= self.processors:
            turn = self.world.event()
            self._queue.append(turn)
            yield turn
        self.busy += 1
        mean = math.log(seconds) - costs.SPREAD**2 / 2
        yield self.world.timeout(self.seed.lognormvariate(mean, costs.SPREAD))
        self.busy -= 1
        self.go_on()
        return not self.away

    def go_on(self) -> None:
        """Give turns to those who wait, as far as there are processors."""
        for _ in range(min(len(self._queue), self.processors - self.busy)):
            self._queue.pop(0).succeed()

    def grow(self, processors: int) -> None:
        """Have more processors, or fewer."""
        self.processors = processors
        self.go_on()


@dataclass
class Clients:
    """Requests at a rate, each tried again until it is answered or nobody waits any more."""

    cell: Cell
    rate: Callable[[float], float]
    seed: random.Random
    pause: Pause | None = None
    patience: float = 60.0
    waited: list[tuple[float, float]] = field(default_factory=list)
    """When each answered request came, and how long it took with all attempts."""
    lost: int = 0

    def come(self, until: float) -> Process:
        """Send requests until that moment."""
        world = self.cell.world
        while world.now < until:
            yield world.timeout(self.seed.expovariate(max(self.rate(world.now), 1e-9)))
            world.process(self._ask())

    def _ask(self) -> Process:
        world, came, attempts = self.cell.world, self.cell.world.now, 0
        while True:
            answered = yield from self.cell.serve()
            if answered:
                self.waited.append((came, world.now - came))
                return
            if self.pause is None or world.now - came > self.patience:
                self.lost += 1
                return
            yield world.timeout(self.pause(attempts, self.seed))
            attempts += 1
