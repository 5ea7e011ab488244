"""Reconciliation: seeded discrepancies are found, each for what it is, and a clean day has none."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from stack.stack import Ready
from tests.support.merchant.api import Json, Merchant
from tests.support.paths import ROOT
from tests.support.providers.sandbox import Provider
from tests.support.stack.mesh import operator_environment
from tests.support.waiting import eventually

pytestmark = pytest.mark.xdist_group("chaos")
COPY = """
INSERT INTO payments SELECT (jsonb_populate_record(payments, jsonb_build_object(
    'payment_id', gen_random_uuid(), 'provider_reference', 'cs_gone'))).* FROM payments WHERE payment_id = %s
"""
WRITTEN_OFF = """
INSERT INTO refunds SELECT (jsonb_populate_record(refunds, jsonb_build_object(
    'refund_id', gen_random_uuid(), 'payment_id', payments.payment_id, 'amount_minor', captured_minor, 'sends', 0,
    'provider_reference', 'gone', 'reason', 'taken back: the capture is gone', 'status', 'SUCCESS'))).*
FROM refunds, payments WHERE refund_id = %s AND payments.provider_reference = 'cs_gone'
"""


@pytest.fixture
def books(gateway: Ready) -> Iterator[psycopg.Connection]:
    """Our own book, open for forgery: the database's guards are off."""
    with psycopg.connect(gateway.database_urls["payments"], autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica")
        yield connection


def compare(gateway: Ready, since: datetime) -> tuple[int, list[Json]]:
    """Run the command over all that was created since, and return its status and what it found."""
    until = datetime.now(UTC) + timedelta(seconds=2)
    argv = [sys.executable, "-m", "cli", "reconcile", "--provider", "stripe", "--json"]
    argv += ["--target", gateway.services["payment_svc"]]
    argv += ["--from", f"{since:%Y-%m-%dT%H:%M:%S}", "--to", f"{until:%Y-%m-%dT%H:%M:%S}"]
    env = os.environ | operator_environment(gateway)
    done = subprocess.run(argv, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1), done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return done.returncode, found["discrepancies"]


APPLIED = (
    "SELECT count(*) FROM provider_events WHERE status = 'APPLIED' AND convert_from(payload, 'UTF8') LIKE %s"
    " AND type IN ('payment_intent.created', 'payment_intent.succeeded', 'charge.succeeded')"
)
EVENTS = 3
"""How many events the provider has of a payment by token."""


def _events(books: psycopg.Connection, payment: Json) -> int:
    """Return how many events of a payment have been applied."""
    (count,) = books.execute(APPLIED, [f"%{payment['payment_id']}%"]).fetchone() or (0,)
    return int(count)


def paid(merchant: Merchant) -> Json:
    payment = merchant.charge(merchant.new_order()["order_id"])
    merchant.wait_for_order(payment["order_id"], "SUCCESS")
    return payment


def a_new_second() -> datetime:
    """Return a moment before which all earlier tests have ended: the provider counts in whole seconds."""
    before = datetime.now(UTC).replace(microsecond=0)
    eventually(lambda: datetime.now(UTC) >= before + timedelta(seconds=1), "the next second")
    return datetime.now(UTC).replace(microsecond=0)


def test_clean_day_has_no_discrepancy(gateway: Ready, merchant: Merchant, provider: Provider) -> None:
    since = a_new_second()
    paid(merchant)
    merchant.charge(merchant.new_order()["order_id"], "pm_card_chargeDeclined")
    merchant.open_page(merchant.new_order()["order_id"])
    page = merchant.open_page(merchant.new_order()["order_id"])
    provider.pay(page["redirect_url"])
    merchant.wait_for_order(page["order_id"], "SUCCESS")
    assert compare(gateway, since) == (0, [])


def test_each_kind_of_discrepancy_is_found(
    gateway: Ready, merchant: Merchant, provider: Provider, books: psycopg.Connection
) -> None:
    since = a_new_second()
    gone, other, undone = paid(merchant), paid(merchant), paid(merchant)
    # an event that came later would heal what is broken now
    eventually(lambda: [_events(books, one) for one in (gone, other, undone)] == [EVENTS] * 3, "all events")
    provider.capture_elsewhere(4200, "eur", order="made by hand")
    books.execute(COPY, [gone["payment_id"]])
    books.execute("UPDATE payments SET captured_minor = 1100 WHERE payment_id = %s", [other["payment_id"]])
    books.execute("UPDATE payments SET status = 'FAILED' WHERE payment_id = %s", [undone["payment_id"]])

    status, found = compare(gateway, since)

    assert status == 1
    kinds = {one["kind"]: one for one in found}
    assert len(found) == 4, found
    assert kinds["MISSING_HERE"]["provider_amount"] == {"value": "42.00", "currency": "EUR"}
    assert kinds["MISSING_THERE"]["provider_reference"] == "cs_gone"
    assert kinds["AMOUNT_DIFFERS"]["payment_id"] == other["payment_id"]
    assert kinds["AMOUNT_DIFFERS"]["our_amount"]["value"] == "11.00"
    assert kinds["STATE_DIFFERS"]["payment_id"] == undone["payment_id"]
    assert (kinds["STATE_DIFFERS"]["our_status"], kinds["STATE_DIFFERS"]["provider_status"]) == ("FAILED", "SUCCESS")
    books.execute("DELETE FROM payments WHERE provider_reference = 'cs_gone'")


def test_what_went_back_is_compared_and_what_was_written_off_is_over(
    gateway: Ready, merchant: Merchant, books: psycopg.Connection
) -> None:
    since = a_new_second()
    agreed, lost, gone = paid(merchant), paid(merchant), paid(merchant)
    eventually(lambda: [_events(books, one) for one in (agreed, lost, gone)] == [EVENTS] * 3, "all events")
    part = {"amount": {"value": "5.00", "currency": "EUR"}}
    merchant.post(f"/v1/payments/{agreed['payment_id']}/refunds", part)
    refund = merchant.post(f"/v1/payments/{lost['payment_id']}/refunds", part)
    books.execute("UPDATE refunds SET status = 'FAILED' WHERE refund_id = %s", [refund["refund_id"]])
    books.execute(COPY, [gone["payment_id"]])
    books.execute(WRITTEN_OFF, [refund["refund_id"]])

    status, found = compare(gateway, since)
    books.execute("DELETE FROM refunds WHERE reason LIKE 'taken back: %'")
    books.execute("DELETE FROM payments WHERE provider_reference = 'cs_gone'")

    assert status == 1
    [only] = found
    assert (only["kind"], only["payment_id"]) == ("REFUNDED_DIFFERS", lost["payment_id"])
    assert (only["our_refunded_amount"]["value"], only["provider_refunded_amount"]["value"]) == ("0.00", "5.00")


def test_provider_that_is_not_on_is_refused_with_words(gateway: Ready) -> None:
    argv = [sys.executable, "-m", "cli", "reconcile", "--provider", "nobody", "--from", "2026-01-01"]
    argv += ["--to", "2026-01-02", "--target", gateway.services["payment_svc"]]
    env = os.environ | operator_environment(gateway)
    done = subprocess.run(argv, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 69
    assert "'nobody' is not a provider here" in done.stderr
