"""When money moved is known of what the version before wrote as well: it was before, and while both run."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
from alembic import command

import payment_svc
from mesh.storage import migrate

MIGRATIONS = Path(str(payment_svc.__file__)).parent / "migrations"
NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
DAY = timedelta(days=1)
ATTEMPT = """[{"number": 1, "provider": "stripe", "provider_reference": "", "status": "SUCCEEDED", "failure": null,
  "create_time": "2026-01-01T00:00:00+00:00", "end_time": "2026-01-03T00:00:00+00:00"}]"""
PAYMENT = """
INSERT INTO payments (payment_id, merchant_id, order_id, provider, provider_reference, amount_minor, currency,
  description, status, payment_method, return_url, redirect_url, version, create_time, update_time, checks, attempts,
  capture_method, captured_minor)
VALUES (%(id)s, %(id)s, %(id)s, 'stripe', 'pi_1', 100, 'EUR', '', %(status)s, '', '', '', 3, %(now)s, %(now)s, 0,
  %(attempts)s, %(method)s, 100)
"""
REFUND = """
INSERT INTO refunds (refund_id, payment_id, merchant_id, order_id, amount_minor, currency, status, reason,
  provider_reference, version, create_time, update_time, checks)
VALUES (%(id)s, %(payment)s, %(payment)s, %(payment)s, 100, 'EUR', %(status)s, '', '', 2, %(now)s, %(now)s, 0)
"""
DISPUTE = """
INSERT INTO disputes (dispute_id, payment_id, merchant_id, order_id, provider, provider_reference, amount_minor,
  currency, status, reason, version, create_time, update_time)
VALUES (%(id)s, %(payment)s, %(payment)s, %(payment)s, %(provider)s, %(id)s, 100, 'EUR', %(status)s, '', 2, %(now)s,
  %(now)s)
"""
HISTORY = """
INSERT INTO history (order_id, resource, resource_id, version, status, detail, actor, cause, trace_id, time)
VALUES (%(order)s, %(kind)s, %(id)s, 1, %(status)s, '', '', '', '', %(time)s)
"""
TOLD = datetime(2026, 1, 3, tzinfo=UTC)


class Books:
    """A database of payments, at whichever revision."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection

    def payment(self, status: str = "SUCCESS", method: str = "AUTOMATIC") -> uuid.UUID:
        key = uuid.uuid4()
        given = {"id": key, "status": status, "now": NOW, "attempts": ATTEMPT, "method": method}
        self._connection.execute(PAYMENT, given)
        return key

    def refund(self, payment: uuid.UUID, status: str) -> uuid.UUID:
        key = uuid.uuid4()
        self._connection.execute(REFUND, {"id": key, "payment": payment, "status": status, "now": NOW})
        return key

    def dispute(self, payment: uuid.UUID, status: str, provider: str = "stripe") -> uuid.UUID:
        key = uuid.uuid4()
        given = {"id": key, "payment": payment, "status": status, "provider": provider, "now": NOW}
        self._connection.execute(DISPUTE, given)
        return key

    def was(self, order: uuid.UUID, kind: str, key: uuid.UUID, status: str, time: datetime) -> None:
        given = {"order": order, "kind": kind, "id": str(key), "status": status, "time": time}
        self._connection.execute(HISTORY, given)

    def becomes(self, kind: str, key: uuid.UUID, status: str, time: datetime) -> None:
        change = f"UPDATE {kind}s SET status = %s, version = version + 1, update_time = %s WHERE {kind}_id = %s"
        self._connection.execute(change.encode(), [status, time, key])

    def times(self, kind: str, key: uuid.UUID, *columns: str) -> tuple[Any, ...]:
        found = f"SELECT {', '.join(columns)} FROM {kind}s WHERE {kind}_id = %s"
        return self._connection.execute(found.encode(), [key]).fetchone() or ()


def test_what_was_there_before_has_the_times_of_its_timeline(scratch: str) -> None:
    config = migrate.config(MIGRATIONS, scratch)
    command.upgrade(config, "0032")
    with psycopg.connect(scratch, autocommit=True) as connection:
        books = Books(connection)
        automatic, manual, alone = books.payment(), books.payment(method="MANUAL"), books.payment(method="MANUAL")
        books.was(manual, "payment", manual, "SUCCESS", NOW - 5 * DAY)
        failed = books.payment("FAILED")
        made, reversed_, refused = (books.refund(automatic, one) for one in ("SUCCESS", "FAILED", "FAILED"))
        books.was(automatic, "refund", made, "SUCCESS", NOW - 9 * DAY)
        books.was(automatic, "refund", reversed_, "SUCCESS", NOW - 9 * DAY)
        books.was(automatic, "refund", reversed_, "FAILED", NOW - 2 * DAY)
        lost, paypal = books.dispute(automatic, "LOST"), books.dispute(automatic, "LOST", "paypal")
        books.was(automatic, "dispute", lost, "LOST", NOW - DAY)
        won = books.dispute(automatic, "WON")
        # more than are changed at once
        many = "INSERT INTO payments SELECT (p).* FROM (SELECT (jsonb_populate_record(p, jsonb_build_object("
        many += "'payment_id', gen_random_uuid(), 'order_id', gen_random_uuid()))) AS p"
        many += " FROM payments p, generate_series(1, 2500) WHERE payment_id = %s) AS made"
        connection.execute(many.encode(), [automatic])
        command.upgrade(config, "head")
        taken = [books.times("payment", one, "capture_time")[0] for one in (automatic, manual, alone, failed)]
        assert taken == [TOLD, NOW - 5 * DAY, NOW, None]
        said = "SELECT (attempts -> -1 ->> 'capture_time')::timestamptz FROM payments WHERE payment_id = %s"
        assert connection.execute(said, [manual]).fetchone() == (NOW - 5 * DAY,)
        assert connection.execute("SELECT count(*) FROM payments WHERE capture_time IS NULL").fetchone() == (1,)
        both = ("success_time", "reverse_time")
        assert books.times("refund", made, *both) == (NOW - 9 * DAY, None)
        assert books.times("refund", reversed_, *both) == (NOW - 9 * DAY, NOW - 2 * DAY)
        assert books.times("refund", refused, *both) == (None, None)
        money = ("withdrawn_minor", "withdraw_time", "reinstate_time", "in_refunds")
        assert books.times("dispute", lost, *money) == (100, NOW - DAY, None, False)
        assert books.times("dispute", paypal, *money) == (100, NOW, None, True)
        assert books.times("dispute", won, *money) == (0, None, None, False)


def test_version_before_leaves_times_as_well(scratch: str) -> None:
    migrate.upgrade(MIGRATIONS, scratch)
    with psycopg.connect(scratch, autocommit=True) as connection:
        books = Books(connection)
        automatic, manual = books.payment("PROCESSING"), books.payment("AUTHORIZED", "MANUAL")
        for one in (automatic, manual):
            assert books.times("payment", one, "capture_time") == (None,)
            books.becomes("payment", one, "SUCCESS", NOW + DAY)
        # its attempt says when it ended; by hand that was when the money was held
        assert books.times("payment", automatic, "capture_time") == (TOLD,)
        assert books.times("payment", manual, "capture_time") == (NOW + DAY,)
        refund = books.refund(automatic, "PENDING")
        books.becomes("refund", refund, "SUCCESS", NOW + DAY)
        books.becomes("refund", refund, "SUCCESS", NOW + 2 * DAY)
        assert books.times("refund", refund, "success_time", "reverse_time") == (NOW + DAY, None)
        books.becomes("refund", refund, "FAILED", NOW + 3 * DAY)
        assert books.times("refund", refund, "success_time", "reverse_time") == (NOW + DAY, NOW + 3 * DAY)
        dispute = books.dispute(automatic, "NEEDS_RESPONSE", "paypal")
        books.becomes("dispute", dispute, "LOST", NOW + DAY)
        assert books.times("dispute", dispute, "withdraw_time", "in_refunds") == (NOW + DAY, True)
        money = ("withdraw_time", "reinstate_time")
        for status, at, times in (
            ("WON", 2, (NOW + DAY, NOW + 2 * DAY)),
            ("LOST", 3, (NOW + DAY, None)),
            ("WON", 4, (NOW + DAY, NOW + 4 * DAY)),
        ):
            books.becomes("dispute", dispute, status, NOW + at * DAY)
            assert books.times("dispute", dispute, *money) == times
        kept = books.dispute(automatic, "NEEDS_RESPONSE")
        books.becomes("dispute", kept, "WON", NOW + DAY)
        assert books.times("dispute", kept, *money) == (None, None)
