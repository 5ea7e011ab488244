"""Which spans of time were compared, what of that holds, and what is compared next."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from payment_svc.domain.comparison import DAY, Compared, Span, due, is_covered, superseded

NOW = datetime(2026, 1, 20, 12, tzinfo=UTC)
TODAY = NOW.replace(hour=0)
HOUR = timedelta(hours=1)


def day(ago: float) -> datetime:
    return TODAY - ago * DAY


def made(since: float, until: float, at: datetime = NOW, differences: int = 0) -> Compared:
    """Return a comparison of what is so many days ago."""
    return Compared(UUID(int=0), "a", day(since), day(until), at, 0, 0, differences, [])


@pytest.mark.parametrize(
    ("spans", "covered"),
    [
        ([], False),
        ([(3, 2)], True),
        ([(4, 1)], True),
        ([(3, 2.5), (2.5, 2)], True),
        ([(2.6, 2), (4, 2.5)], True),
        ([(3, 2.5), (2.4, 2)], False),
        ([(2.9, 2)], False),
        ([(3, 2.1)], False),
        ([(2, 1), (4, 3)], False),
    ],
)
def test_span_is_covered_by_others_together(spans: list[tuple[float, float]], covered: bool) -> None:
    assert is_covered((day(3), day(2)), [made(*span) for span in spans]) == covered


def test_newer_comparisons_take_the_place_of_those_that_they_cover_and_of_no_other() -> None:
    old, part = made(4, 2, NOW - 2 * HOUR, 5), made(4, 3, NOW - HOUR)
    assert superseded([old, part]) == []
    rest = made(3.5, 2, NOW)
    assert superseded([rest, old, part]) == [old]
    # a clean day clears no other
    assert superseded([made(3, 2, NOW, 5), made(2, 1, NOW + HOUR)]) == []


def all_but(*missing: int, differences: int = 0, at: datetime = NOW) -> list[Compared]:
    """Return comparisons of the last days, one a day."""
    return [made(ago, ago - 1, at, differences) for ago in range(15, 0, -1) if ago not in missing]


@pytest.mark.parametrize(
    ("holding", "span"),
    [
        (all_but(), None),
        (all_but(1), (day(1), day(0))),
        (all_but(7, 3), (day(7), day(6))),
        # too long ago to be made up for, too young for a second look
        (all_but(8), None),
        # the second look, once what was held has been captured
        ([*all_but(9), made(9, 8, day(0))], None),
        # and none of what was never looked at
        (all_but(9), None),
        ([*all_but(9), made(9, 8, day(0) - HOUR)], (day(9), day(8))),
        ([*all_but(1), made(1, 0.5), made(0.5, 0)], None),
        # what differs is looked at each day
        ([*all_but(), made(40, 39, NOW - DAY, 1), made(50, 49, NOW - 2 * DAY)], (day(40), day(39))),
        ([*all_but(), made(40, 39, NOW - DAY + HOUR, 1)], None),
        ([*all_but(), made(91, 90.9, NOW - DAY, 1)], None),
        ([*all_but(1), made(40, 39, NOW - DAY, 1)], (day(1), day(0))),
    ],
)
def test_what_is_due_is_each_day_twice_and_what_differs_daily(holding: list[Compared], span: Span | None) -> None:
    assert due(holding, NOW, NOW - 3 * HOUR) == span


def test_day_is_due_once_it_has_settled() -> None:
    holding = all_but(1)
    assert due(holding, TODAY + 2 * HOUR, TODAY - HOUR) is None
    assert due(holding, TODAY + 3 * HOUR, TODAY) == (day(1), day(0))


def test_day_that_came_to_no_end_stops_no_other() -> None:
    oldest = due([], NOW, TODAY)
    assert oldest
    assert due([], NOW, TODAY, {oldest}) == (oldest[1], oldest[1] + DAY)
