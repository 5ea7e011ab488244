"""The audit's sink is killed under load, and its table is tampered with: nothing is lost, and nothing goes unseen."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from stack.stack import Ready, Stack
from tests.support.merchant.api import Merchant
from tests.support.stack.audit import command, counts, rows_of_request
from tests.support.waiting import eventually

pytestmark = pytest.mark.xdist_group("chaos")
CLIENTS = 4
RATE = 200
ORDER = {"amount": {"value": "1.00", "currency": "EUR"}}


@pytest.mark.slow
def test_sink_killed_under_load_loses_no_row_and_doubles_none(stack: Stack, merchant: Merchant) -> None:
    # what an earlier test broke may have come back only just now: Envoy looks at its upstreams every second
    eventually(lambda: all(merchant.http.post("/v1/orders", json=ORDER).is_success for _ in range(50)), "a calm door")
    refused: list[str] = []
    with ordering(merchant, refused) as answers:
        more(answers)
        stack.kill("audit_svc")
        more(answers)
        stack.start("audit_svc")
        more(answers)
        stack.kill("audit_svc")
        more(answers)
        stack.start("audit_svc")
        more(answers)
    assert not refused
    assert "a new spool file is begun" in stack.log("audit_svc").read_text()
    eventually(lambda: counts(stack.ready, merchant.merchant_id).keys() >= answers.keys(), "every request's row")
    seen = counts(stack.ready, merchant.merchant_id)
    assert {seen[request_id] for request_id in answers} == {1}
    verdict = command(stack.ready, "verify")
    assert verdict.exit_code == 0, verdict.stderr
    spool = Path(stack.ready.log_dir).parent / "audit"

    # a file that was set aside is thrown away when a line of the next one was taken over
    def one_is_left() -> bool:
        merchant.http.get("/v1/orders")
        return len(list(spool.iterdir())) == 1

    eventually(one_is_left, "one file")


def test_database_that_is_down_delays_rows_only(stack: Stack, merchant: Merchant) -> None:
    before = merchant.http.post("/v1/orders", json=ORDER)
    rows_of_request(stack.ready, before.headers["x-request-id"])
    stack.stop("postgres")
    refused = merchant.http.post("/v1/orders", json=ORDER)
    stack.start("postgres")
    (row,) = rows_of_request(stack.ready, refused.headers["x-request-id"])
    assert row["http_status"] == refused.status_code


@contextmanager
def ordering(merchant: Merchant, refused: list[str] | None = None) -> Iterator[dict[str, int]]:
    """Create orders at a steady rate while the block runs; hold each request's id and status, and what was refused."""
    answers: dict[str, int] = {}
    over = threading.Event()

    def order() -> None:
        while not over.wait(CLIENTS / RATE):
            answer = merchant.http.post("/v1/orders", json=ORDER)
            answers[answer.headers["x-request-id"]] = answer.status_code
            if refused is not None and not answer.is_success:
                refused.append(f"{answer.headers} {answer.text}")

    with ThreadPoolExecutor(CLIENTS) as clients:
        running = [clients.submit(order) for _ in range(CLIENTS)]
        try:
            yield answers
        finally:
            over.set()
    for client in running:
        client.result()


def more(answers: dict[str, int]) -> None:
    """Wait until there have been a number of further answers."""
    enough = len(answers) + 150
    eventually(lambda: len(answers) > enough, "further answers")


COPY = "INSERT INTO entries SELECT (jsonb_populate_record(e, '{{\"seq\": -5}}')).* FROM entries e LIMIT 1"
TAMPERING = [
    ("UPDATE entries SET http_status = 200 WHERE seq = {seq}", "entry {seq} is ALTERED"),
    ("UPDATE entries SET hash = sha256('x') WHERE seq = {seq}", "entry {seq} is ALTERED"),
    ("DELETE FROM entries WHERE seq = {seq}", "entry {seq} is MISSING"),
    (COPY, "entry -5 is INSERTED"),
]


@pytest.mark.parametrize(("change", "found"), TAMPERING)
def test_tampering_by_who_gets_around_the_trigger_is_found_and_named(
    change: str, found: str, stack: Stack, merchant: Merchant
) -> None:
    refused = merchant.http.get("/v1/orders/none")
    (row,) = rows_of_request(stack.ready, refused.headers["x-request-id"])
    rows_of_request(stack.ready, merchant.http.get("/v1/orders").headers["x-request-id"])
    with tampered(stack.ready, change.format(seq=row["seq"])):
        verdict = command(stack.ready, "verify")
    assert verdict.exit_code == 1
    assert found.format(seq=row["seq"]) in verdict.stderr
    assert command(stack.ready, "verify").exit_code == 0


def test_span_is_right_though_what_was_before_it_is_gone(stack: Stack, merchant: Merchant) -> None:
    old = merchant.http.get("/v1/orders")
    (before,) = rows_of_request(stack.ready, old.headers["x-request-id"])
    second = before["time"].replace(microsecond=0) + timedelta(seconds=1)
    eventually(lambda: datetime.now(UTC) > second, "the next second")
    (row,) = rows_of_request(stack.ready, merchant.http.get("/v1/orders").headers["x-request-id"])
    with tampered(stack.ready, f"DELETE FROM entries WHERE seq < {row['seq']}"):
        assert command(stack.ready, "verify").exit_code == 1
        verdict = command(stack.ready, "verify", "--from", f"{second:%Y-%m-%dT%H:%M:%S}")
    assert verdict.exit_code == 0, verdict.stderr


@contextmanager
def tampered(gateway: Ready, change: str) -> Iterator[None]:
    """Change the table as a superuser can, and put it back afterwards."""
    with psycopg.connect(gateway.database_urls["audit"], autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute("CREATE TABLE kept AS SELECT * FROM entries")
        connection.execute(change.encode())
        yield
        connection.execute("DELETE FROM entries WHERE seq <= (SELECT max(seq) FROM kept)")
        connection.execute("INSERT INTO entries SELECT * FROM kept")
        connection.execute("DROP TABLE kept")
