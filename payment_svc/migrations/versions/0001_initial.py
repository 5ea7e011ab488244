"""The tables that the service starts with."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None

LEGAL_STEPS = (
    "INITIATED>CANCELLED",
    "INITIATED>FAILED",
    "INITIATED>PROCESSING",
    "PROCESSING>AUTHORIZED",
    "PROCESSING>CANCELLED",
    "PROCESSING>FAILED",
    "PROCESSING>NEEDS_REVIEW",
    "PROCESSING>SUCCESS",
    "AUTHORIZED>CANCELLED",
    "AUTHORIZED>FAILED",
    "AUTHORIZED>NEEDS_REVIEW",
    "AUTHORIZED>SUCCESS",
    "NEEDS_REVIEW>AUTHORIZED",
    "NEEDS_REVIEW>CANCELLED",
    "NEEDS_REVIEW>FAILED",
    "NEEDS_REVIEW>SUCCESS",
    "FAILED>SUCCESS",
    "CANCELLED>SUCCESS",
)
GUARD = f"""
CREATE FUNCTION guard_payments() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.version <> OLD.version + 1 THEN
        RAISE check_violation USING MESSAGE = format('version %s cannot follow %s', NEW.version, OLD.version);
    END IF;
    IF NEW.status <> OLD.status AND OLD.status || '>' || NEW.status NOT IN ({", ".join(map(repr, LEGAL_STEPS))}) THEN
        RAISE check_violation USING MESSAGE = format('status %s cannot follow %s', NEW.status, OLD.status);
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER guard_payments BEFORE UPDATE OF status, version ON payments
    FOR EACH ROW EXECUTE FUNCTION guard_payments();
"""


def upgrade() -> None:
    op.create_table(
        "idempotency_keys",
        sa.Column("merchant_id", sa.UUID(), nullable=False),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.LargeBinary(), nullable=False),
        sa.Column("resource_id", sa.UUID(), nullable=False),
        sa.Column("response", sa.LargeBinary(), nullable=True),
        sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("lease_time", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("merchant_id", "method", "key", name="pk_idempotency_keys"),
    )
    op.create_index("ix_idempotency_keys_create_time", "idempotency_keys", ["create_time"], unique=False)
    op.create_table(
        "outbox",
        sa.Column("seq", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("event_id", sa.UUID(), nullable=False),
        sa.Column("aggregate_id", sa.UUID(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("publish_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("stream_seq", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("seq", name="pk_outbox"),
    )
    op.create_index(
        "ix_outbox_aggregate",
        "outbox",
        ["aggregate_id", "seq"],
        unique=False,
        postgresql_where=sa.text("publish_time IS NULL"),
    )
    op.create_index(
        "ix_outbox_backlog", "outbox", ["seq"], unique=False, postgresql_where=sa.text("publish_time IS NULL")
    )
    op.create_table(
        "payments",
        sa.Column("payment_id", sa.UUID(), nullable=False),
        sa.Column("merchant_id", sa.UUID(), nullable=False),
        sa.Column("order_id", sa.UUID(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("provider_reference", sa.Text(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("payment_method", sa.Text(), nullable=False),
        sa.Column("return_url", sa.Text(), nullable=False),
        sa.Column("redirect_url", sa.Text(), nullable=False),
        sa.Column("failure", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("update_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("next_check_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("checks", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "status <> 'SUCCESS' OR provider_reference <> ''", name=op.f("ck_payments_capture_has_reference")
        ),
        sa.CheckConstraint(
            "status IN ('INITIATED', 'PROCESSING', 'AUTHORIZED', 'SUCCESS', 'FAILED', 'CANCELLED', 'NEEDS_REVIEW')",
            name=op.f("ck_payments_status_known"),
        ),
        sa.CheckConstraint("amount_minor > 0", name=op.f("ck_payments_amount_positive")),
        sa.PrimaryKeyConstraint("payment_id", name="pk_payments"),
    )
    op.create_index("ix_payments_merchant", "payments", ["merchant_id", "payment_id"], unique=False)
    op.create_index("ix_payments_merchant_status", "payments", ["merchant_id", "status", "payment_id"], unique=False)
    op.create_index(
        "ix_payments_next_check",
        "payments",
        ["next_check_time"],
        unique=False,
        postgresql_where=sa.text("next_check_time IS NOT NULL"),
    )
    op.create_index("ix_payments_order", "payments", ["order_id", "payment_id"], unique=False)
    op.create_index(
        "ix_payments_reference",
        "payments",
        ["provider", "provider_reference"],
        unique=False,
        postgresql_where=sa.text("provider_reference != ''"),
    )
    op.create_index(
        "uq_payments_live_order",
        "payments",
        ["order_id"],
        unique=True,
        postgresql_where=sa.text("status IN ('AUTHORIZED', 'INITIATED', 'NEEDS_REVIEW', 'PROCESSING')"),
    )
    op.create_table(
        "provider_events",
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.Column("trace_id", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("receive_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("next_attempt_time", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "status IN ('PENDING', 'APPLIED', 'IGNORED', 'QUARANTINED', 'DEAD')",
            name=op.f("ck_provider_events_status_known"),
        ),
        sa.PrimaryKeyConstraint("provider", "event_id", name="pk_provider_events"),
    )
    op.create_index(
        "ix_provider_events_due",
        "provider_events",
        ["next_attempt_time"],
        unique=False,
        postgresql_where=sa.text("next_attempt_time IS NOT NULL"),
    )
    # the last word on legal steps, whatever goes wrong above
    op.execute(GUARD)


def downgrade() -> None:
    op.drop_index(
        "ix_provider_events_due",
        table_name="provider_events",
        postgresql_where=sa.text("next_attempt_time IS NOT NULL"),
    )
    op.drop_table("provider_events")
    op.drop_index(
        "uq_payments_live_order",
        table_name="payments",
        postgresql_where=sa.text("status IN ('AUTHORIZED', 'INITIATED', 'NEEDS_REVIEW', 'PROCESSING')"),
    )
    op.drop_index("ix_payments_reference", table_name="payments", postgresql_where=sa.text("provider_reference != ''"))
    op.drop_index("ix_payments_order", table_name="payments")
    op.drop_index(
        "ix_payments_next_check", table_name="payments", postgresql_where=sa.text("next_check_time IS NOT NULL")
    )
    op.drop_index("ix_payments_merchant_status", table_name="payments")
    op.drop_index("ix_payments_merchant", table_name="payments")
    op.drop_table("payments")
    op.drop_index("ix_outbox_backlog", table_name="outbox", postgresql_where=sa.text("publish_time IS NULL"))
    op.drop_index("ix_outbox_aggregate", table_name="outbox", postgresql_where=sa.text("publish_time IS NULL"))
    op.drop_table("outbox")
    op.drop_index("ix_idempotency_keys_create_time", table_name="idempotency_keys")
    op.drop_table("idempotency_keys")
    op.execute("DROP FUNCTION guard_payments")
