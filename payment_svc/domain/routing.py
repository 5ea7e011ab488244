"""Which provider takes a payment whose request names none. Pure: no I/O."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from random import Random

from mesh.money import Money


@dataclass(frozen=True, slots=True)
class Target:
    """A provider and its share; weight 0 means: only when those with a weight cannot."""

    provider: str
    weight: int


@dataclass(frozen=True, slots=True)
class Rule:
    """Conditions, all of which must hold, and the providers to choose from. An empty condition always holds."""

    name: str
    currencies: tuple[str, ...]
    min_amount: Money | None
    max_amount: Money | None
    countries: tuple[str, ...]
    targets: tuple[Target, ...]

    def matches(self, amount: Money, country: str) -> bool:
        """Whether a payment falls under the rule; an amount of another currency than the limits' does not."""
        if self.currencies and amount.currency not in self.currencies:
            return False
        if self.countries and country not in self.countries:
            return False
        if self.min_amount and (self.min_amount.currency != amount.currency or amount.minor < self.min_amount.minor):
            return False
        return not (
            self.max_amount and (self.max_amount.currency != amount.currency or amount.minor > self.max_amount.minor)
        )

    def condition(self) -> str:
        """Say the conditions, for a person."""
        parts = [", ".join(self.currencies), ", ".join(self.countries)]
        parts += [
            f"from {self.min_amount}" if self.min_amount else "",
            f"up to {self.max_amount}" if self.max_amount else "",
        ]
        return "; ".join(part for part in parts if part) or "always"


def draw(targets: Sequence[Target], seed: int) -> list[Target]:
    """Return the targets in the order in which they are tried: one drawn by weight, then the others by their weights.

    The same seed gives the same order, so that a decision can be explained and repeated.
    """
    by_weight = sorted(targets, key=lambda target: -target.weight)
    weighted = [target for target in by_weight if target.weight]
    if not weighted:
        return by_weight
    (first,) = Random(seed).choices(weighted, [target.weight for target in weighted])  # noqa: S311  no secret
    return [first, *(target for target in by_weight if target is not first)]


@dataclass(frozen=True, slots=True)
class Policy:
    """A merchant's rules, and when they were set."""

    rules: tuple[Rule, ...]
    update_time: datetime | None


@dataclass(frozen=True, slots=True)
class Version:
    """A policy that a merchant had, and the trace of the request that set it."""

    rules: tuple[Rule, ...]
    create_time: datetime
    trace_id: str


@dataclass(frozen=True, slots=True)
class Candidate:
    """A provider of the rule that decides; `refusal` says why it would be passed over."""

    provider: str
    percent: float
    refusal: str


def shares(targets: Sequence[Target], refusals: Mapping[str, str]) -> list[Candidate]:
    """Say what part of the payments each target takes, in the order in which they are tried.

    Who is drawn and cannot leaves the payment to the next in order that can.
    """
    order = sorted(targets, key=lambda target: -target.weight)
    # without weights the first is drawn each time
    weights = {one.provider: one.weight for one in order} if order[0].weight else {order[0].provider: 1}
    total = sum(weights.values())
    taken = dict.fromkeys((one.provider for one in order), 0.0)
    able = [one.provider for one in order if not refusals.get(one.provider)]
    for drawn, weight in weights.items():
        if able:
            taken[drawn if drawn in able else able[0]] += 100 * weight / total
    return [Candidate(name, percent, refusals.get(name, "")) for name, percent in taken.items()]
