"""What is asked of the simulation; each scenario returns rows of a table, the same for the same seed."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import dataclass

import simpy

from bench.scale import costs
from bench.scale.model import Cell, Clients, Pause, Process, at_once, backing_off, percentile

Rows = list[tuple[str, ...]]
CORES = 8


@dataclass(frozen=True)
class Table:
    """A scenario's answer."""

    title: str
    columns: tuple[str, ...]
    rows: Rows

    def markdown(self) -> str:
        """Return it as the document has it."""
        lines = [self.columns, tuple("---" for _ in self.columns), *self.rows]
        return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def capacity() -> Table:
    """What a processor, and a cell of 16, do at the chosen load."""
    orders, payments = costs.BUSY / costs.ORDER_SECONDS, costs.BUSY / costs.PAYMENT_SECONDS
    rows: Rows = []
    for cores in (1, 16, 64):
        wal = payments * cores * costs.PAYMENT_WAL_BYTES
        rows.append((str(cores), f"{orders * cores:,.0f}", f"{payments * cores:,.0f}", f"{wal / 1e6:.1f}"))
    return Table("capacity", ("processors", "orders/s", "or payments/s", "WAL MB/s of those"), rows)


def bursts(seed: int, seconds: float = 8.0) -> Table:
    """One merchant sends ten times as much: who notices, by how many cells there are, and with a limit."""
    rows: Rows = []
    for cells, limited in ((1, False), (4, False), (4, True), (8, False)):
        beside, apart = _burst(random.Random(seed), cells, seconds, limited=limited)
        name = f"{cells}{', merchants limited to twice their rate' if limited else ''}"
        apart_ms = f"{apart * 1000:,.0f}" if not math.isnan(apart) else "-"
        rows.append((name, f"{1 / cells:.0%}", f"{beside * 1000:,.0f}", apart_ms))
    columns = ("cells, of 8 processors in all", "merchants beside it", "p99 beside it, ms", "p99 elsewhere, ms")
    return Table("bursts", columns, rows)


def _burst(seed: random.Random, cells: int, seconds: float, *, limited: bool) -> tuple[float, float]:
    world = simpy.Environment()
    total = costs.BUSY * CORES / costs.ORDER_SECONDS
    # every cell has as much to do before: who grows is moved
    bursting = 0.02 * total
    groups = []
    for number in range(cells):
        cell = Cell(world, CORES // cells, seed, limit=4000)
        groups.append(Clients(cell, _constant(total / cells - (bursting if number == 0 else 0)), seed))
        if number == 0:
            factor = 2 if limited else 10
            one = Clients(cell, _step(bursting, factor, seconds / 4), seed)
            world.process(one.come(seconds))
    for group in groups:
        world.process(group.come(seconds))
    world.run(until=seconds)
    late = seconds / 4
    first = [took for came, took in groups[0].waited if came > late]
    others = [took for group in groups[1:] for came, took in group.waited if came > late]
    return percentile(first, 0.99), percentile(others, 0.99)


def _constant(rate: float) -> Callable[[float], float]:
    return lambda _: rate


def _step(rate: float, factor: float, moment: float) -> Callable[[float], float]:
    """Return a rate that is `factor` times as much from a moment on."""
    return lambda now: rate * (factor if now > moment else 1)


def retries(seed: int, away: float = 10.0, seconds: float = 60.0) -> Table:
    """A cell is away for a while: how much more comes when clients try again, and until when it feels it."""
    policies: list[tuple[str, Pause]] = [("every 0.1 s", at_once), ("backing off, as our clients do", backing_off)]
    rows: Rows = []
    for name, pause in policies:
        world, numbers = simpy.Environment(), random.Random(seed)
        cell = Cell(world, 1, numbers)
        rate = costs.BUSY / costs.ORDER_SECONDS
        clients = Clients(cell, _constant(rate), numbers, pause)
        world.process(clients.come(seconds - 5))
        world.process(_absence(cell, 5.0, away))
        world.run(until=seconds)
        back = 5.0 + away
        peak = max(sum(second <= moment < second + 1 for moment in cell.offered) for second in range(5, int(seconds)))
        late = [came for came, took in clients.waited if came > back and took > 0.25]
        calm = max(late, default=back) - back
        rows.append((name, f"{peak / rate:.1f}", f"{calm:.0f} s", str(clients.lost)))
    return Table(
        "retries", ("clients try again", "peak, times the usual", "back to p99 under 250 ms after", "lost"), rows
    )


def _absence(cell: Cell, begin: float, seconds: float) -> Process:
    yield cell.world.timeout(begin)
    cell.away = True
    yield cell.world.timeout(seconds)
    cell.away = False


def autoscaler(seed: int, seconds: float = 150.0) -> Table:
    """Load trebles at once: what the pods that come a minute later cost those who cannot wait."""
    rows: Rows = []
    for spare in (1, 2, 3):
        world, numbers = simpy.Environment(), random.Random(seed)
        cell = Cell(world, spare, numbers)
        base = costs.BUSY / costs.ORDER_SECONDS
        clients = Clients(cell, _step(base, 3, 30), numbers)
        world.process(clients.come(seconds))
        world.process(_scaler(cell))
        world.run(until=seconds)
        late = [took for came, took in clients.waited if came > 30]
        refused = cell.refused / len(cell.offered)
        rows.append((str(spare), f"{refused:.0%}", f"{percentile(late, 0.99) * 1000:,.0f}", str(cell.processors)))
    columns = ("processors before", "refused", "p99 afterwards, ms", "processors at the end")
    return Table("autoscaler", columns, rows)


def _scaler(cell: Cell) -> Process:
    """Look every 15 s at the load of the last 15, and have pods that take 20 s to become ready; 70 % is wanted."""
    seen = 0
    while True:
        yield cell.world.timeout(15)
        came = len(cell.offered) - seen
        seen = len(cell.offered)
        wanted = math.ceil(came / 15 * costs.ORDER_SECONDS / 0.7)
        if wanted > cell.processors:
            cell.world.process(_later(cell, min(wanted, 2 * cell.processors)))


def _later(cell: Cell, processors: int) -> Process:
    yield cell.world.timeout(20)
    if processors > cell.processors:
        cell.grow(processors)


def losses(seed: int, times: int = 2000) -> Table:
    """What each loss costs: who is hit, for how long, and what was acknowledged and is gone."""
    numbers = random.Random(seed)
    rate = costs.BUSY / costs.PAYMENT_SECONDS * 16
    rows: Rows = []
    for name, hit, steps, lag in (
        ("a replica of a service", "0 %", (), 0.0),
        ("a zone, of three", "a third, for a while", (costs.DETECT_SECONDS, costs.PROMOTE_SECONDS), 0.0),
        ("a cell, of eight in a region", "1/8", (costs.DETECT_SECONDS, costs.DECIDE_SECONDS, costs.PROMOTE_SECONDS,
                                                 costs.REROUTE_SECONDS), costs.LAG_SECONDS),
        ("a region, of two", "1/2", (costs.DETECT_SECONDS, costs.DECIDE_SECONDS, costs.PROMOTE_SECONDS,
                                     costs.REROUTE_SECONDS), costs.LAG_SECONDS),
    ):  # fmt: skip
        took = [sum(numbers.uniform(*step) for step in steps) for _ in range(times)]
        lags = [numbers.expovariate(1 / lag) if lag else 0.0 for _ in range(times)]
        lost, under_way = percentile(lags, 0.99) * rate, costs.PROVIDER_SECONDS * rate
        rows.append(
            (
                name,
                hit,
                f"{percentile(took, 0.5):,.0f} s, {percentile(took, 0.99):,.0f} s",
                f"{percentile(lags, 0.5):.1f} s, {percentile(lags, 0.99):.1f} s",
                f"{lost:,.0f}",
                f"{under_way:,.0f}" if steps else "0",
            )
        )
    columns = ("lost", "merchants hit", "RTO p50, p99", "RPO p50, p99",
               "payments of a cell that are asked for at the provider, p99", "under way then")  # fmt: skip
    return Table("losses", columns, rows)


def moves(seed: int, times: int = 500) -> Table:
    """A merchant moves to another cell: how long its requests are held until the copy has caught up."""
    numbers = random.Random(seed)
    rows: Rows = []
    for payments in (1, 20, 100):
        written = payments * costs.ROWS_A_PAYMENT
        frozen = []
        for _ in range(times):
            # what has come since the copy's last batch, and what a burst has left
            behind = written * numbers.expovariate(1 / 0.5)
            frozen.append(behind / costs.APPLY_ROWS + numbers.uniform(0.5, 1.5) * costs.SWITCH_SECONDS)
        busy = written / costs.APPLY_ROWS
        rows.append(
            (str(payments), f"{busy:.0%}", f"{percentile(frozen, 0.5):.1f} s", f"{percentile(frozen, 0.99):.1f} s")
        )
    return Table("moves", ("its payments/s", "of what the copy can apply", "frozen, p50", "p99"), rows)


def everything(seed: int) -> list[Table]:
    """Return every table."""
    return [capacity(), losses(seed), bursts(seed), retries(seed), autoscaler(seed), moves(seed)]
