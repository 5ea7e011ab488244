"""In which order the relay sends what it has claimed."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime

from mesh.events.outbox import Unpublished
from mesh.events.relay import Published, in_turn

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def row(seq: int, before: int | None = None) -> Unpublished:
    return Unpublished(seq, uuid.uuid4(), "fusionx.order.v1.created", b"", NOW, 0, before)


def test_all_versions_of_a_resource_go_with_one_batch_each_after_the_one_before() -> None:
    batch = [row(1), row(2, before=1), row(3), row(4, before=2), row(5, before=3)]
    assert [[one.seq for one in rows] for rows in in_turn(batch)] == [[1, 3], [2, 5], [4]]


def test_what_follows_a_row_that_another_relay_has_is_left_to_it() -> None:
    batch = [row(2, before=1), row(3, before=2), row(4)]
    assert [[one.seq for one in rows] for rows in in_turn(batch)] == [[4]]


def test_what_is_not_in_the_stream_holds_up_those_behind_it_and_what_never_will_be_does_not() -> None:
    done = Published(stored={1: 10}, refused={2: "too large"}, copies={3})
    waits = {number: not done.is_next(row(9, before=number)) for number in (1, 2, 3, 4)}
    assert waits == {1: False, 2: False, 3: True, 4: True}
    assert done.is_next(row(9))
