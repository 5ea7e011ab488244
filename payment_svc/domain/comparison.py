"""Which spans of time a provider's books were compared for, what holds of that, and what is to be compared next. Pure.

A comparison holds until newer ones cover all of its span: a difference is not over because another day has none.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

DAY = timedelta(days=1)
LOOK_BACK = timedelta(days=7)
"""How many days are made up for that nobody has compared."""
AGAIN_AFTER = timedelta(days=8)
"""How long after its end a day is compared once more: what was only held has been captured by then, or let go."""
REPEATED_FOR = timedelta(days=90)
"""How long a span that differs is compared again each day, to see that it does not any more."""
FOUND_MOST = 100
"""How many of its differences are kept of a comparison, beside their number."""

Span = tuple[datetime, datetime]


class Found(NamedTuple):
    """A difference as it is kept: what differs, of which payment of ours, else of which object of the provider's."""

    kind: str
    payment_id: str
    reference: str


class Compared(NamedTuple):
    """A span of time in which a provider's books were compared with ours, and what came of it."""

    comparison_id: UUID
    provider: str
    from_time: datetime
    until_time: datetime
    create_time: datetime
    provider_payments: int
    our_payments: int
    differences: int
    found: list[dict[str, Any]]

    @property
    def span(self) -> Span:
        """From when until when."""
        return self.from_time, self.until_time


class Books(NamedTuple):
    """How a provider's books stand."""

    provider: str
    differences: int
    """Of all comparisons that hold; a payment that differs in two of them in the same way counts once."""
    last_time: datetime | None
    """When they were last compared; None: never."""
    age: timedelta
    """How long ago those payments were that were compared last; never compared: since they should have been."""


def is_covered(span: Span, by: Iterable[Compared]) -> bool:
    """Whether comparisons have together covered all of a span."""
    reached, until = span
    for one in sorted(by, key=lambda one: one.from_time):
        if one.from_time > reached:
            break
        reached = max(reached, one.until_time)
    return reached >= until


def superseded(holding: Sequence[Compared]) -> list[Compared]:
    """Return the comparisons of a provider whose whole span newer ones have covered."""
    newest_first = sorted(holding, key=lambda one: (one.create_time, one.comparison_id), reverse=True)
    return [one for place, one in enumerate(newest_first) if is_covered(one.span, newest_first[:place])]


def due(holding: Sequence[Compared], now: datetime, settled: datetime, but: Container[Span] = ()) -> Span | None:
    """Return what is to be compared next of a provider, whose payments until `settled` both books should have.

    Each day after its end, and once more what was compared then; and daily what differs, `but` not what just came to no
    end. None: nothing is due.
    """
    midnight = settled.replace(hour=0, minute=0, second=0, microsecond=0)
    days = [(midnight - number * DAY, midnight - (number - 1) * DAY) for number in range(14, 0, -1)]
    for day in days:
        again = day[1] + AGAIN_AFTER
        if now >= again and is_covered(day, holding):
            since = again
        elif midnight - day[0] <= LOOK_BACK:
            since = day[1]
        else:
            continue
        if day not in but and not is_covered(day, (one for one in holding if one.create_time >= since)):
            return day
    repeated = (one for one in holding if one.differences and one.span not in but)
    differing = (one for one in repeated if one.from_time > now - REPEATED_FOR)
    oldest = min(differing, key=lambda one: one.create_time, default=None)
    return oldest.span if oldest and oldest.create_time <= now - DAY else None
