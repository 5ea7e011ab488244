"""Attempts and routing, disputes, and what happened to an order."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"

LEGAL_STEPS = (
    "NEEDS_RESPONSE>UNDER_REVIEW",
    "NEEDS_RESPONSE>WON",
    "NEEDS_RESPONSE>LOST",
    "NEEDS_RESPONSE>CLOSED",
    "UNDER_REVIEW>NEEDS_RESPONSE",
    "UNDER_REVIEW>WON",
    "UNDER_REVIEW>LOST",
    "UNDER_REVIEW>CLOSED",
    "WON>LOST",
    "LOST>WON",
    "CLOSED>NEEDS_RESPONSE",
    "CLOSED>UNDER_REVIEW",
    "CLOSED>WON",
    "CLOSED>LOST",
)
GUARD = f"""
CREATE FUNCTION guard_disputes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.version <> OLD.version + 1 THEN
        RAISE check_violation USING MESSAGE = format('version %s cannot follow %s', NEW.version, OLD.version);
    END IF;
    IF NEW.status <> OLD.status AND OLD.status || '>' || NEW.status NOT IN ({", ".join(map(repr, LEGAL_STEPS))}) THEN
        RAISE check_violation USING MESSAGE = format('status %s cannot follow %s', NEW.status, OLD.status);
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER guard_disputes BEFORE UPDATE OF status, version ON disputes
    FOR EACH ROW EXECUTE FUNCTION guard_disputes();
"""

# payments of before had one attempt, which ended as they did
ATTEMPTS = """
UPDATE payments SET attempts = jsonb_build_array(jsonb_build_object(
    'number', 1,
    'provider', provider,
    'provider_reference', provider_reference,
    'status', CASE
        WHEN status IN ('SUCCESS', 'AUTHORIZED') THEN 'SUCCEEDED'
        WHEN status IN ('FAILED', 'CANCELLED') THEN 'FAILED'
        ELSE 'OPEN' END,
    'failure', failure,
    'create_time', create_time,
    'end_time', CASE WHEN status IN ('SUCCESS', 'AUTHORIZED', 'FAILED', 'CANCELLED') THEN update_time END))
"""


def upgrade() -> None:
    op.create_table(
        "history",
        sa.Column("seq", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("order_id", sa.UUID(), nullable=False),
        sa.Column("resource", sa.Text(), nullable=False),
        sa.Column("resource_id", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("trace_id", sa.Text(), nullable=False),
        sa.Column("time", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_history"),
    )
    op.create_index("ix_history_order", "history", ["order_id", "seq"], unique=False)
    op.create_table(
        "disputes",
        sa.Column("dispute_id", sa.UUID(), nullable=False),
        sa.Column("payment_id", sa.UUID(), nullable=False),
        sa.Column("merchant_id", sa.UUID(), nullable=False),
        sa.Column("order_id", sa.UUID(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("provider_reference", sa.Text(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("respond_before", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("update_time", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "status IN ('NEEDS_RESPONSE', 'UNDER_REVIEW', 'WON', 'LOST', 'CLOSED')",
            name=op.f("ck_disputes_status_known"),
        ),
        sa.ForeignKeyConstraint(["payment_id"], ["payments.payment_id"], name="fk_disputes_payment_id_payments"),
        sa.PrimaryKeyConstraint("dispute_id", name="pk_disputes"),
        sa.UniqueConstraint("provider", "provider_reference", name="uq_disputes_provider_provider_reference"),
    )
    op.create_index("ix_disputes_merchant", "disputes", ["merchant_id", "dispute_id"], unique=False)
    op.create_index("ix_disputes_payment", "disputes", ["payment_id", "dispute_id"], unique=False)
    op.execute(GUARD)
    op.create_table(
        "routing_policies",
        sa.Column("merchant_id", sa.UUID(), nullable=False),
        sa.Column("rules", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("update_time", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("merchant_id", name="pk_routing_policies"),
    )
    op.add_column("payments", sa.Column("attempts", postgresql.JSONB(astext_type=sa.Text()), nullable=True))
    op.execute(ATTEMPTS)
    op.alter_column("payments", "attempts", nullable=False)
    op.add_column("payments", sa.Column("route", postgresql.JSONB(astext_type=sa.Text()), nullable=True))
    op.add_column("payments", sa.Column("capture_before", sa.DateTime(timezone=True), nullable=True))
    op.create_index("ix_payments_created", "payments", ["provider", "create_time"], unique=False)


def downgrade() -> None:
    op.drop_index("ix_payments_created", table_name="payments")
    op.drop_column("payments", "capture_before")
    op.drop_column("payments", "route")
    op.drop_column("payments", "attempts")
    op.drop_table("routing_policies")
    op.drop_index("ix_disputes_payment", table_name="disputes")
    op.drop_index("ix_disputes_merchant", table_name="disputes")
    op.drop_table("disputes")
    op.execute("DROP FUNCTION guard_disputes")
    op.drop_index("ix_history_order", table_name="history")
    op.drop_table("history")
