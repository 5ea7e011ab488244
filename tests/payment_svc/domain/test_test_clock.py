"""How far merchants move their test data on, and how soon again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from payment_svc.domain import test_clock as domain
from payment_svc.domain.test_clock import unmoved

NOW = datetime(2026, 1, 1, tzinfo=UTC)
MOMENT, SECOND, DAY = timedelta(microseconds=1), timedelta(seconds=1), timedelta(days=1)
MERCHANT = UUID(int=1)


@pytest.mark.parametrize(
    ("since", "rests"),
    [(-MOMENT, False), (timedelta(0), True), (SECOND - MOMENT, True), (SECOND, False), (DAY, False)],
)
def test_clock_rests_for_a_second(since: timedelta, rests: bool) -> None:
    moved = unmoved(MERCHANT).after(DAY, NOW)
    assert moved.rests(NOW + since) is rests
    assert not unmoved(MERCHANT).rests(NOW + since)


def test_clock_counts_what_it_was_advanced_by_up_to_a_hundred_years() -> None:
    first = unmoved(MERCHANT)
    assert first == domain.TestClock(MERCHANT, 0, timedelta(0), None)
    once = first.after(DAY, NOW)
    assert once == domain.TestClock(MERCHANT, 1, DAY, NOW)
    assert once.after(DAY, NOW + DAY) == domain.TestClock(MERCHANT, 2, 2 * DAY, NOW + DAY)
    assert once.after(36_500 * DAY, NOW).advanced == 36_500 * DAY
    assert once.after(36_498 * DAY, NOW).advanced == 36_499 * DAY
