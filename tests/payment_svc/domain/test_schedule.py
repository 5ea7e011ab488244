"""When something open is looked at again."""

from __future__ import annotations

from datetime import timedelta

import pytest

from payment_svc.domain.schedule import CHECKS, GIVE_UP, wait_after, wait_beside_deadline

HOUR = timedelta(hours=1)


def seconds(*numbers: float) -> list[timedelta]:
    return [timedelta(seconds=number) for number in numbers]


def test_looks_are_ever_more_seldom_and_never_end() -> None:
    assert [wait_after(checks) for checks in range(7)] == seconds(5, 30, 120, 600, 3600, 3600, 3600)
    assert timedelta(hours=26) == GIVE_UP


@pytest.mark.parametrize(("left", "waits"), [(7200, 3600), (900, 900), (3, 5), (0, 5)])
def test_deadline_is_not_slept_through(left: float, waits: float) -> None:
    assert [wait_beside_deadline(HOUR, timedelta(seconds=left))] == seconds(waits)


def test_what_fails_when_it_is_due_is_tried_ever_more_seldom() -> None:
    """A provider that is away for a day is not asked every five seconds for each payment that it holds."""
    late, tries = timedelta(0), 0
    while late < timedelta(days=1):
        late += wait_beside_deadline(CHECKS[-1], -late)
        tries += 1
    assert tries < 40
