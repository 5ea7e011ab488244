"""Attempts and operations in rows of their own, leases by the database's clock, reviews. Expands only.

The version before goes on beside this one: it sees the statuses that it knows, and what it writes of attempts is mirrored.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0007"
down_revision = "0006"

LEGAL_BEFORE = (
    *("INITIATED>CANCELLED", "INITIATED>FAILED", "INITIATED>PROCESSING"),
    *("PROCESSING>AUTHORIZED", "PROCESSING>CANCELLED", "PROCESSING>FAILED", "PROCESSING>NEEDS_REVIEW"),
    *("PROCESSING>SUCCESS", "AUTHORIZED>CANCELLED", "AUTHORIZED>FAILED", "AUTHORIZED>NEEDS_REVIEW"),
    *("AUTHORIZED>SUCCESS", "NEEDS_REVIEW>AUTHORIZED", "NEEDS_REVIEW>CANCELLED", "NEEDS_REVIEW>FAILED"),
    *("NEEDS_REVIEW>SUCCESS", "FAILED>SUCCESS", "CANCELLED>SUCCESS"),
)
# an outcome that was looked at by a person may turn out to be under way
LEGAL_STEPS = (*LEGAL_BEFORE, "NEEDS_REVIEW>PROCESSING")
LEGAL_REFUNDS_BEFORE = (
    *("PENDING>SUCCESS", "PENDING>FAILED", "PENDING>NEEDS_REVIEW"),
    *("NEEDS_REVIEW>SUCCESS", "NEEDS_REVIEW>FAILED", "SUCCESS>FAILED"),
)
LEGAL_REFUNDS = (*LEGAL_REFUNDS_BEFORE, "FAILED>SUCCESS")
GUARD = """
CREATE OR REPLACE FUNCTION guard_TABLE() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.version <> OLD.version + 1 THEN
        RAISE check_violation USING MESSAGE = format('version %s cannot follow %s', NEW.version, OLD.version);
    END IF;
    IF NEW.status <> OLD.status AND OLD.status || '>' || NEW.status NOT IN (STEPS) THEN
        RAISE check_violation USING MESSAGE = format('status %s cannot follow %s', NEW.status, OLD.status);
    END IF;
    RETURN NEW;
END $$
"""

# replicas' clocks differ; simulations replace it
CLOCK = "CREATE FUNCTION db_now() RETURNS timestamptz LANGUAGE sql VOLATILE AS 'SELECT clock_timestamp()'"

# a schedule that was made before the end came is taken back, whichever version made it
UNSCHEDULE = """
CREATE FUNCTION unschedule() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.status IN ('SUCCESS', 'FAILED', 'CANCELLED') THEN
        NEW.next_check_time = NULL;
    END IF;
    RETURN NEW;
END $$
"""

MIRROR = """
CREATE FUNCTION mirror_attempts() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO attempts AS known (
        payment_id, number, provider, account_id, provider_reference, status, failure, held_minor, surplus_minor,
        create_time, end_time)
    SELECT NEW.payment_id, (a->>'number')::int, a->>'provider',
        CASE WHEN a ? 'account_id' THEN (a->>'account_id')::uuid
             WHEN a->>'provider' = NEW.provider THEN NEW.account_id END,
        a->>'provider_reference', a->>'status', NULLIF(a->'failure', 'null'),
        COALESCE((a->>'held')::bigint, 0), COALESCE((a->>'surplus')::bigint, 0),
        (a->>'create_time')::timestamptz, (a->>'end_time')::timestamptz
    FROM jsonb_array_elements(NEW.attempts) AS a
    ON CONFLICT (payment_id, number) DO UPDATE SET
        provider_reference = excluded.provider_reference, status = excluded.status, failure = excluded.failure,
        held_minor = excluded.held_minor, surplus_minor = excluded.surplus_minor, end_time = excluded.end_time
    WHERE (known.provider_reference, known.status, known.failure, known.held_minor, known.surplus_minor, known.end_time)
        IS DISTINCT FROM (excluded.provider_reference, excluded.status, excluded.failure, excluded.held_minor,
                          excluded.surplus_minor, excluded.end_time);
    RETURN NULL;
END $$;
CREATE TRIGGER mirror_attempts_in AFTER INSERT ON payments FOR EACH ROW EXECUTE FUNCTION mirror_attempts();
CREATE TRIGGER mirror_attempts AFTER UPDATE OF attempts ON payments FOR EACH ROW
    WHEN (OLD.attempts IS DISTINCT FROM NEW.attempts) EXECUTE FUNCTION mirror_attempts();
CREATE FUNCTION guard_attempts() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.status <> 'OPEN' AND NEW.status <> OLD.status THEN
        RAISE check_violation USING MESSAGE = format('attempt %s cannot follow %s', NEW.status, OLD.status);
    END IF;
    IF NEW.provider_reference <> '' AND (TG_OP = 'INSERT' OR OLD.provider_reference <> NEW.provider_reference)
        AND EXISTS (
            SELECT FROM attempts WHERE provider = NEW.provider AND provider_reference = NEW.provider_reference
                AND account_id IS NOT DISTINCT FROM NEW.account_id AND payment_id <> NEW.payment_id) THEN
        RAISE unique_violation USING MESSAGE = format('object %s belongs to another payment', NEW.provider_reference);
    END IF;
    RETURN NEW;
END $$;
"""
GUARD_ATTEMPTS = (
    "CREATE TRIGGER guard_attempts BEFORE INSERT OR UPDATE ON attempts FOR EACH ROW EXECUTE FUNCTION guard_attempts()"
)
# what is there is taken over as it is; the guard is put up afterwards
FILL = """
INSERT INTO attempts (payment_id, number, provider, account_id, provider_reference, status, failure, create_time, end_time)
SELECT p.payment_id, (a->>'number')::int, a->>'provider', CASE WHEN a->>'provider' = p.provider THEN p.account_id END,
    a->>'provider_reference', a->>'status', NULLIF(a->'failure', 'null'),
    (a->>'create_time')::timestamptz, (a->>'end_time')::timestamptz
FROM payments AS p, jsonb_array_elements(p.attempts) AS a
ON CONFLICT DO NOTHING
"""


def _guards(payments: tuple[str, ...], refunds: tuple[str, ...]) -> None:
    for table, steps in (("payments", payments), ("refunds", refunds)):
        op.execute(GUARD.replace("TABLE", table).replace("STEPS", ", ".join(map(repr, steps))))


def _attempts() -> None:
    op.create_table(
        "attempts",
        sa.Column("payment_id", sa.UUID(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("account_id", sa.UUID(), nullable=True),
        sa.Column("provider_reference", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("failure", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("held_minor", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("surplus_minor", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("end_time", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("status IN ('OPEN', 'SUCCEEDED', 'FAILED')", name=op.f("ck_attempts_status_known")),
        sa.CheckConstraint("(status = 'OPEN') = (end_time IS NULL)", name=op.f("ck_attempts_ended_once")),
        sa.CheckConstraint("held_minor >= 0 AND surplus_minor >= 0", name=op.f("ck_attempts_amounts_known")),
        sa.ForeignKeyConstraint(["payment_id"], ["payments.payment_id"], name="fk_attempts_payment_id_payments"),
        sa.PrimaryKeyConstraint("payment_id", "number", name="pk_attempts"),
    )
    op.create_index(
        "ix_attempts_reference",
        "attempts",
        ["provider", "provider_reference"],
        postgresql_where=sa.text("provider_reference != ''"),
    )
    op.execute(FILL)
    op.execute(MIRROR)
    op.execute(GUARD_ATTEMPTS)


def _operations() -> None:
    op.create_table(
        "operations",
        sa.Column("operation_id", sa.UUID(), nullable=False),
        sa.Column("payment_id", sa.UUID(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("sends", sa.Integer(), nullable=False),
        sa.Column("requester", sa.Text(), nullable=False),
        sa.Column("failure", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("update_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("next_try_time", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "kind IN ('START', 'CONFIRM', 'CAPTURE', 'CANCEL', 'SETTLE')", name=op.f("ck_operations_kind_known")
        ),
        sa.CheckConstraint("status IN ('SENT', 'DONE', 'REFUSED', 'UNKNOWN')", name=op.f("ck_operations_status_known")),
        sa.CheckConstraint(
            "(status IN ('SENT', 'UNKNOWN')) = (next_try_time IS NOT NULL)", name=op.f("ck_operations_open_scheduled")
        ),
        sa.CheckConstraint("sends > 0", name=op.f("ck_operations_sent")),
        sa.ForeignKeyConstraint(["payment_id"], ["payments.payment_id"], name="fk_operations_payment_id_payments"),
        sa.PrimaryKeyConstraint("operation_id", name="pk_operations"),
    )
    op.create_index(
        "uq_operations_open",
        "operations",
        ["payment_id", "attempt"],
        unique=True,
        postgresql_where=sa.text("status IN ('SENT', 'UNKNOWN') AND kind != 'SETTLE'"),
    )
    op.create_index("ix_operations_payment", "operations", ["payment_id"])
    op.create_index(
        "ix_operations_next_try",
        "operations",
        ["next_try_time"],
        postgresql_where=sa.text("next_try_time IS NOT NULL"),
    )


def _reviews() -> None:
    op.create_table(
        "reviews",
        sa.Column("review_id", sa.UUID(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("payment_id", sa.UUID(), nullable=False),
        sa.Column("merchant_id", sa.UUID(), nullable=False),
        sa.Column("order_id", sa.UUID(), nullable=False),
        sa.Column("refund_id", sa.UUID(), nullable=True),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("provider_reference", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("resolution", sa.Text(), nullable=True),
        sa.Column("resolved_by", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("confirmed_by", sa.Text(), nullable=False),
        sa.Column("resolve_time", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "kind IN ('UNKNOWN_OUTCOME', 'UNKNOWN_REFUND', 'AMOUNT_DIFFERS', 'FOREIGN_CAPTURE', 'SURPLUS_KEPT')",
            name=op.f("ck_reviews_kind_known"),
        ),
        sa.CheckConstraint(
            "resolution IN ('CAPTURED', 'NOT_CAPTURED', 'GIVE_BACK')", name=op.f("ck_reviews_resolution_known")
        ),
        sa.CheckConstraint(
            "resolve_time IS NULL OR (resolution IS NOT NULL AND resolved_by <> '' AND why <> '')",
            name=op.f("ck_reviews_resolved_with_reason"),
        ),
        sa.ForeignKeyConstraint(["payment_id"], ["payments.payment_id"], name="fk_reviews_payment_id_payments"),
        sa.PrimaryKeyConstraint("review_id", name="pk_reviews"),
    )
    op.create_index(
        "uq_reviews_open",
        "reviews",
        ["payment_id", "kind", "attempt", "provider_reference"],
        unique=True,
        postgresql_where=sa.text("resolve_time IS NULL"),
    )
    op.create_index("ix_reviews_open", "reviews", ["review_id"], postgresql_where=sa.text("resolve_time IS NULL"))


def upgrade() -> None:
    op.execute(CLOCK)
    op.add_column("payments", sa.Column("driver", sa.UUID(), nullable=True))
    op.add_column("payments", sa.Column("driving_until", sa.DateTime(timezone=True), nullable=True))
    op.add_column("payments", sa.Column("requires_action", sa.Boolean(), server_default="false", nullable=False))
    op.add_column("payments", sa.Column("action", postgresql.JSONB(astext_type=sa.Text()), nullable=True))
    op.add_column("payments", sa.Column("surplus", sa.Boolean(), server_default="false", nullable=False))
    op.add_column("refunds", sa.Column("sends", sa.Integer(), server_default="1", nullable=False))
    op.add_column("refunds", sa.Column("attempt", sa.Integer(), nullable=True))
    _guards(LEGAL_STEPS, LEGAL_REFUNDS)
    op.execute(UNSCHEDULE)
    for table, terminal in (("payments", "'SUCCESS', 'FAILED', 'CANCELLED'"), ("refunds", "'SUCCESS', 'FAILED'")):
        op.execute(f"UPDATE {table} SET next_check_time = NULL WHERE status IN ({terminal})")
        op.execute(
            f"CREATE TRIGGER unschedule BEFORE INSERT OR UPDATE OF next_check_time, status ON {table}"
            " FOR EACH ROW EXECUTE FUNCTION unschedule()"
        )
        op.create_check_constraint(
            op.f(f"ck_{table}_ended_unscheduled"), table, f"status NOT IN ({terminal}) OR next_check_time IS NULL"
        )
    _attempts()
    _operations()
    _reviews()


def downgrade() -> None:
    for name in ("reviews", "operations"):
        op.drop_table(name)
    for name in ("mirror_attempts_in", "mirror_attempts"):
        op.execute(f"DROP TRIGGER {name} ON payments")
    op.drop_table("attempts")
    for table in ("payments", "refunds"):
        op.drop_constraint(op.f(f"ck_{table}_ended_unscheduled"), table)
        op.execute(f"DROP TRIGGER unschedule ON {table}")
    for function in ("guard_attempts", "mirror_attempts", "unschedule", "db_now"):
        op.execute(f"DROP FUNCTION {function}")
    _guards(LEGAL_BEFORE, LEGAL_REFUNDS_BEFORE)
    for table, names in (
        ("refunds", ("sends", "attempt")),
        ("payments", ("driver", "driving_until", "requires_action", "action", "surplus")),
    ):
        for name in names:
            op.drop_column(table, name)
