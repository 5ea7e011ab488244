"""The bounds that a list's times put on its ids."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from mesh.storage.listing import SLACK, id_at

FIRST, LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
MOMENT = datetime(2026, 1, 2, 3, 4, 5, 678_000, tzinfo=UTC)


@pytest.mark.parametrize("later", [-SLACK, timedelta(), SLACK])
def test_every_time_that_a_request_can_hold_bounds_ids(later: timedelta) -> None:
    assert id_at(FIRST, later) == UUID(int=0)
    assert id_at(LAST, later) > id_at(MOMENT, later)


def test_bound_is_the_lowest_id_of_its_millisecond() -> None:
    assert id_at(MOMENT).int >> 80 == round(MOMENT.timestamp() * 1000)
    assert (id_at(MOMENT, SLACK).int >> 80) - (id_at(MOMENT).int >> 80) == 60_000
    assert (id_at(MOMENT, -SLACK).int >> 80) - (id_at(MOMENT).int >> 80) == -60_000
