from __future__ import annotations

from dataclasses import astuple, replace
from datetime import UTC, datetime

import pytest

from audit_svc.domain.entry import START, Entry, Fault, Kind, Link, Row, Verifier, chained, values_of

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
ENTRY = Entry(
    time=datetime(2026, 11, 23, 11, 0, 0, 1, tzinfo=UTC),
    request_id="fb121eee-fab7-4fdd-9bc1-1c59e9cc4232",
    trace_id="fb121eeefab74fdd9bc11c59e9cc4232",
    merchant_id="m",
    key_id="",
    mode="test",
    method="GET",
    path="/v1/orders/1",
    rpc="/fusionx.order.v1.OrderService/GetOrder",
    http_status=404,
    grpc_status=5,
    flags="-",
    detail="via_upstream",
    duration_us=4503,
    client="203.0.113.9",
    idempotency_key="",
    user_agent="curl",
    source="GET /v1/orders/{order_id}",
)


def entries(count: int) -> list[Entry]:
    return [replace(ENTRY, request_id=f"request {number}") for number in range(count)]


def walk(rows: list[Row], head: Link) -> Fault | None:
    verifier = Verifier(START)
    faults = [fault for row in rows if (fault := verifier.check(row))]
    return faults[0] if faults else verifier.check_end(head)


def rehashed(rows: list[Row]) -> Link:
    return Link(rows[-1].seq, rows[-1].hash)


ROWS = chained(START, entries(6))
HEAD = rehashed(ROWS)


def with_changed(seq: int) -> list[Row]:
    rows = list(ROWS)
    rows[seq - 1] = replace(rows[seq - 1], entry=replace(rows[seq - 1].entry, http_status=200))
    return rows


def with_replaced(seq: int) -> list[Row]:
    """A row that was altered together with its own hash."""
    rows = list(ROWS)
    before = rows[seq - 2]
    (rows[seq - 1],) = chained(Link(before.seq, before.hash), [replace(ENTRY, path="/elsewhere")])
    return rows


def with_inserted(seq: int) -> list[Row]:
    """A row with a hash that fits, and the later ones moved up by one."""
    before = ROWS[seq - 2]
    (forged,) = chained(Link(before.seq, before.hash), [ENTRY])
    return [*ROWS[: seq - 1], forged, *(replace(row, seq=row.seq + 1) for row in ROWS[seq - 1 :])]


def test_chain_that_nobody_touched_is_right() -> None:
    assert walk(ROWS, HEAD) is None
    assert walk([], START) is None


@pytest.mark.parametrize(
    ("rows", "fault"),
    [
        (with_changed(3), Fault(3, Kind.ALTERED)),
        (with_changed(6), Fault(6, Kind.ALTERED)),
        (with_replaced(3), Fault(3, Kind.ALTERED)),
        (with_replaced(6), Fault(6, Kind.ALTERED)),
        ([*ROWS[:2], *ROWS[3:]], Fault(3, Kind.MISSING)),
        (ROWS[1:], Fault(1, Kind.MISSING)),
        (ROWS[:4], Fault(5, Kind.MISSING)),
        (with_inserted(4), Fault(4, Kind.INSERTED)),
        ([*ROWS, *chained(HEAD, [ENTRY])], Fault(7, Kind.INSERTED)),
        ([replace(ROWS[0], seq=0), *ROWS], Fault(0, Kind.INSERTED)),
    ],
)
def test_first_row_that_is_wrong_is_named(rows: list[Row], fault: Fault) -> None:
    assert walk(rows, HEAD) == fault


def test_values_of_an_entry_are_all_it_holds_in_their_order() -> None:
    """What is hashed is this list: a field that it left out could be changed unseen."""
    assert values_of(ENTRY) == astuple(ENTRY)
