"""What an answer holds is bounded: pages of large entries end earlier, and what cannot be shorter is told so."""

from __future__ import annotations

import uuid
import zlib

import psycopg

from stack.stack import Ready
from tests.support.merchant.api import Merchant
from tests.support.merchant.errors import problem

# six letters each in JSON, as Envoy writes it
LETTER = "<"


def hear(gateway: Ready, payment_id: str, calls: int, letters: int) -> None:
    """Have the payment service know of calls to a provider about a payment."""
    body = zlib.compress(f"{LETTER * letters}\0{LETTER * letters}".encode())
    rows = [(uuid.uuid4(), payment_id, body) for _ in range(calls)]
    with psycopg.connect(gateway.database_urls["payments"]) as connection:
        connection.cursor().executemany(
            "INSERT INTO provider_calls VALUES "
            "(%s, %s, now(), 'stripe', 'find', 'GET', '/', 200, 1, '', '', '', '', %s)",
            rows,
        )


def enter(gateway: Ready, order_id: str, entries: int, letters: int) -> None:
    """Have the payment service's part of a timeline hold more."""
    with psycopg.connect(gateway.database_urls["payments"]) as connection:
        connection.cursor().executemany(
            "INSERT INTO history"
            " (order_id, resource, resource_id, version, status, time, detail, actor, cause, trace_id)"
            " VALUES (%s, 'attempt', %s, 0, 'FAILED', now(), %s, 'provider', 'test', '')",
            [(order_id, f"x/{number}", LETTER * letters) for number in range(entries)],
        )


def test_long_exchanges_with_a_provider_are_the_newest_that_an_answer_holds(merchant: Merchant, gateway: Ready) -> None:
    payment_id = merchant.charge(merchant.new_order()["order_id"])["payment_id"]
    hear(gateway, payment_id, 200, 3000)
    found = merchant.http.get(f"/v1/payments/{payment_id}/provider_exchanges", params={"page_size": 200})
    assert found.status_code == 200
    assert 0 < len(found.json()["exchanges"]) < 200
    assert found.json()["has_older"]
    times = [one["time"] for one in found.json()["exchanges"]]
    assert times == sorted(times)


def test_page_of_a_timeline_with_long_entries_ends_earlier_and_leaves_none_out(
    merchant: Merchant, gateway: Ready
) -> None:
    order_id = merchant.new_order()["order_id"]
    enter(gateway, order_id, 500, 3000)
    told, token = list[str](), ""
    while True:
        page = merchant.http.get(f"/v1/orders/{order_id}/timeline", params={"page_token": token})
        assert page.status_code == 200
        told += [one["resource_id"] for one in page.json()["entries"] if one["resource"] == "attempt"]
        token = page.json()["next_page_token"]
        if not token:
            break
    assert told == [f"x/{number}" for number in range(500)]


def test_page_of_a_timeline_reads_no_more_of_an_order_than_it_shows(merchant: Merchant, gateway: Ready) -> None:
    """Of an order that was refunded in thousands of parts each page read all, for seconds, and then failed."""
    order_id, count, size = merchant.new_order()["order_id"], 100_000, 500
    with psycopg.connect(gateway.database_urls["orders"]) as connection:
        connection.execute(
            "INSERT INTO history"
            " (order_id, resource, resource_id, version, status, time, detail, actor, cause, trace_id)"
            " SELECT %s, 'order', %s, n + 1, 'PARTIALLY_REFUNDED', now(), '', 'gateway', %s, %s"
            " FROM generate_series(1, %s) n",
            [order_id, order_id, "event:payment", "a" * 32, count],
        )
    versions, token = list[int](), ""
    for _ in range(3):
        page = merchant.get(f"/v1/orders/{order_id}/timeline", page_size=size, page_token=token)
        versions += [one["version"] for one in page["entries"]]
        token = page["next_page_token"]
    assert versions == list(range(1, 3 * size + 1))


def test_one_thing_that_is_larger_than_an_answer_is_told_so(merchant: Merchant, gateway: Ready) -> None:
    payment_id = merchant.charge(merchant.new_order()["order_id"])["payment_id"]
    hear(gateway, payment_id, 1, 600_000)
    refused = merchant.http.get(f"/v1/payments/{payment_id}/provider_exchanges", params={"page_size": 100})
    assert refused.status_code == 500
    assert problem(refused)[1] == "ANSWER_TOO_LARGE"
    assert "by gRPC" in refused.json()["message"]
