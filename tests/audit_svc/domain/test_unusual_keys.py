"""A key that is suddenly refused a hundred times more is told of, and no other."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from audit_svc.domain.entry import Entry
from audit_svc.domain.unusual_keys import KNOWN_AFTER, MAX_KEYS, QUIET, TIMES, WINDOW, KeyHabits

START = datetime(2026, 1, 1, tzinfo=UTC)


def entry(time: datetime, status: int, key: str = "key") -> Entry:
    return Entry(
        *(time, "request", "trace", "merchant", key, "test", "GET", "/v1/orders", "ListOrders"),
        *(status, 0, "", "", 1000, "192.0.2.1", "", "agent", "envoy"),
    )


def minutes(count: int, refused: int, begin: datetime = START, key: str = "key") -> Iterator[Entry]:
    """Return minutes with one good request and so many refused ones each."""
    for minute in range(count):
        time = begin + minute * WINDOW
        yield entry(time, 200, key)
        yield from (entry(time, 404, key) for _ in range(refused))


def test_a_hundred_times_more_is_told_once_an_hour() -> None:
    habits, later = KeyHabits(), START + 20 * WINDOW
    assert not habits.noted(minutes(20, 1))
    assert not habits.noted(minutes(1, TIMES - 1, later))
    (found,) = habits.noted([entry(later, 403) for _ in range(50)])
    assert (found.key_id, found.merchant_id, found.refused, found.client) == ("key", "merchant", TIMES, "192.0.2.1")
    assert 0.9 < found.usual <= 1
    assert not habits.noted(minutes(10, 2 * TIMES, later + WINDOW))
    assert len(habits.noted(minutes(1, 100 * TIMES, later + QUIET))) == 1


def test_what_was_always_so_is_not_unusual() -> None:
    habits = KeyHabits()
    assert not habits.noted(minutes(60, 150))
    assert not habits.noted(minutes(1, 600, START + 60 * WINDOW))


def test_a_key_that_is_new_may_make_mistakes() -> None:
    habits = KeyHabits()
    assert not habits.noted(minutes(KNOWN_AFTER, 3 * TIMES))


def test_a_night_without_requests_is_known_time_and_no_refusal() -> None:
    habits = KeyHabits()
    habits.noted([entry(START, 200)])
    assert habits.noted(minutes(1, TIMES, START + timedelta(hours=8)))


def test_answers_of_ours_and_good_ones_do_not_count() -> None:
    habits = KeyHabits()
    habits.noted(minutes(20, 0))
    later = START + 20 * WINDOW
    assert not habits.noted(entry(later, status) for status in (200, 302, 503) for _ in range(3 * TIMES))


def test_requests_without_a_key_are_nobodys_habit() -> None:
    habits = KeyHabits()
    habits.noted(minutes(20, 0, key=""))
    assert not habits.noted(minutes(1, 3 * TIMES, START + 20 * WINDOW, key=""))


def test_entries_that_come_late_move_no_time_back() -> None:
    habits = KeyHabits()
    habits.noted(minutes(20, 1))
    late = START + 3 * WINDOW
    assert not habits.noted(entry(late, 404) for _ in range(TIMES - 2))


def test_memory_is_bounded_by_those_used_lately() -> None:
    habits = KeyHabits()
    habits.noted(minutes(KNOWN_AFTER + 1, 1, key="old"))
    habits.noted(entry(START + 20 * WINDOW, 200, str(number)) for number in range(MAX_KEYS))
    assert not habits.noted(minutes(1, TIMES, START + 21 * WINDOW, key="old"))
