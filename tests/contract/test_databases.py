"""Migrations, tables and domain tell the same story."""

from __future__ import annotations

import importlib
import re
import sys
import uuid
from collections.abc import Mapping
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from mesh.storage import migrate
from mesh.storage.revision import head_revision
from order_svc.domain import TRANSITIONS as ORDER_TRANSITIONS
from payment_svc.domain.dispute import DISPUTE_TRANSITIONS
from payment_svc.domain.payment import TRANSITIONS as PAYMENT_TRANSITIONS
from payment_svc.domain.refund import REFUND_TRANSITIONS
from stack.layout import SERVICES
from stack.stack import Ready

OWNERS = (*SERVICES, "console")
"""All that have a database."""


def _migrations(service: str) -> Path:
    return Path(str(importlib.import_module(service).__file__)).parent / "migrations"


@pytest.mark.parametrize("service", OWNERS)
def test_migrations_make_exactly_the_tables(service: str, scratch: str) -> None:
    migrate.upgrade(_migrations(service), scratch)
    metadata = importlib.import_module(f"{service}.tables").metadata
    engine = sa.create_engine(scratch.replace("postgresql://", "postgresql+psycopg://", 1), poolclass=sa.NullPool)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": False})
        assert compare_metadata(context, metadata) == []
        unread = sa.text("SELECT conname FROM pg_constraint WHERE NOT convalidated")
        assert connection.execute(unread).scalars().all() == []
        checks = connection.execute(sa.text("SELECT conname FROM pg_constraint WHERE contype = 'c'")).scalars()
        assert set(checks) >= {
            str(constraint.name)
            for table in metadata.tables.values()
            for constraint in table.constraints
            if isinstance(constraint, sa.CheckConstraint)
        }


@pytest.mark.parametrize("service", OWNERS)
def test_migrations_are_one_line(service: str) -> None:
    """Two that were written side by side have one number, or one predecessor: a database would have one of them."""
    folder = _migrations(service)
    script = ScriptDirectory(str(folder))
    assert script.get_heads() == [head_revision(folder)]
    assert len(list(script.walk_revisions())) == len(list((folder / "versions").glob("*.py")))


@pytest.mark.parametrize("service", OWNERS)
def test_migrations_may_run_again(service: str, scratch: str) -> None:
    for _ in range(2):
        migrate.upgrade(_migrations(service), scratch)
    with psycopg.connect(scratch) as connection:
        revision = connection.execute("SELECT version_num FROM alembic_version").fetchall()
    assert revision == [(head_revision(_migrations(service)),)]


def test_version_before_leaves_a_later_ones_database_as_it_is(scratch: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A release that is withdrawn by installing the one before it, whose migrations come first there as well."""
    migrate.upgrade(_migrations("order_svc"), scratch)
    with psycopg.connect(scratch) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    server, _, name = scratch.rpartition("/")
    monkeypatch.setenv("FUSIONXPAY_DATABASE_URL", f"{server}/postgres")
    monkeypatch.setattr(sys, "argv", ["migrate", f"order_svc={name}"])
    granted: list[str] = []
    monkeypatch.setattr(migrate, "grant", lambda *args: granted.append(str(args)))
    migrate.main()
    with psycopg.connect(scratch) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [("9999",)]
    assert granted == [], "to take rights on all tables away would take away those on the later version's"


@pytest.mark.parametrize(
    ("database", "table", "transitions"),
    [
        ("orders", "orders", ORDER_TRANSITIONS),
        ("payments", "payments", PAYMENT_TRANSITIONS),
        ("payments", "refunds", REFUND_TRANSITIONS),
        ("payments", "disputes", DISPUTE_TRANSITIONS),
    ],
)
def test_database_allows_the_steps_that_the_domain_allows(
    database: str, table: str, transitions: Mapping[str, frozenset[str]], gateway: Ready
) -> None:
    with psycopg.connect(gateway.database_urls[database]) as connection:
        query = "SELECT prosrc FROM pg_proc WHERE proname = %s"
        (source,) = connection.execute(query, [f"guard_{table}"]).fetchone() or ("",)
    # what the version before does not know is kept as what it knows, with a column beside it
    stored = {"REQUIRES_ACTION": "PROCESSING"}
    steps = {(str(before), str(after)) for before, steps in transitions.items() for after in steps}
    legal = {(stored.get(before, before), stored.get(after, after)) for before, after in steps}
    legal = {(before, after) for before, after in legal if before != after}
    assert set(re.findall(r"'([A-Z_]+)>([A-Z_]+)'", source)) == legal


INSERT = """
INSERT INTO orders VALUES (%(id)s, %(id)s, '', 100, 'EUR', 'NEW', '', '{}', NULL, 1, now(), now(), now())
"""


@pytest.mark.parametrize(
    "change",
    [
        "status = 'REFUNDED', version = 2, payment_id = order_id",
        "status = 'CANCELLED', version = 3",
        "status = 'CANCELLED'",
        "version = 1, status = 'PROCESSING', payment_id = order_id",
        "status = 'PROCESSING', version = 2",
        "status = 'PAID', version = 2",
    ],
)
def test_database_refuses_an_illegal_step_whoever_takes_it(change: str, gateway: Ready) -> None:
    order_id = uuid.uuid4()
    with psycopg.connect(gateway.database_urls["orders"]) as connection:
        connection.execute(INSERT, {"id": order_id})
        with pytest.raises(psycopg.errors.CheckViolation):
            connection.execute(f"UPDATE orders SET {change} WHERE order_id = %s".encode(), [order_id])


PAYMENT = """
INSERT INTO payments (payment_id, merchant_id, order_id, provider, provider_reference, amount_minor, currency,
  description, status, payment_method, return_url, redirect_url, version, create_time, update_time, checks, attempts)
VALUES (%(id)s, %(id)s, %(id)s, 'stripe', 'pi_1', 100, 'EUR', '', %(status)s, '', '', '', 1, now(), now(), 0, '[]')
"""


def _step(url: str, before: str, after: str, versions: int) -> None:
    """Change a payment in the database, and take that back."""
    payment_id = uuid.uuid4()
    with psycopg.connect(url) as connection:
        connection.execute(PAYMENT, {"id": payment_id, "status": before})
        change = "UPDATE payments SET status = %s, version = version + %s WHERE payment_id = %s"
        connection.execute(change, [after, versions, payment_id])
        connection.rollback()


@pytest.mark.parametrize("after", ["SUCCESS", "FAILED", "CANCELLED", "AUTHORIZED", "NEEDS_REVIEW", "PROCESSING"])
def test_two_steps_of_a_new_payment_are_one_change(after: str, gateway: Ready) -> None:
    _step(gateway.database_urls["payments"], "INITIATED", after, 2)


@pytest.mark.parametrize(
    ("before", "after", "versions"),
    [
        ("INITIATED", "SUCCESS", 1),
        ("INITIATED", "SUCCESS", 3),
        ("INITIATED", "INITIATED", 2),
        ("PROCESSING", "SUCCESS", 2),
        ("AUTHORIZED", "SUCCESS", 2),
        ("PROCESSING", "SUCCESS", 0),
    ],
)
def test_no_other_step_of_a_payment_is_left_out(before: str, after: str, versions: int, gateway: Ready) -> None:
    with pytest.raises(psycopg.errors.CheckViolation):
        _step(gateway.database_urls["payments"], before, after, versions)
