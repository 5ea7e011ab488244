"""Capture by hand, and refunds."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"

LEGAL_STEPS = ("PENDING>SUCCESS", "PENDING>FAILED", "SUCCESS>FAILED")
GUARD = f"""
CREATE FUNCTION guard_refunds() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.version <> OLD.version + 1 THEN
        RAISE check_violation USING MESSAGE = format('version %s cannot follow %s', NEW.version, OLD.version);
    END IF;
    IF NEW.status <> OLD.status AND OLD.status || '>' || NEW.status NOT IN ({", ".join(map(repr, LEGAL_STEPS))}) THEN
        RAISE check_violation USING MESSAGE = format('status %s cannot follow %s', NEW.status, OLD.status);
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER guard_refunds BEFORE UPDATE OF status, version ON refunds
    FOR EACH ROW EXECUTE FUNCTION guard_refunds();
"""


def upgrade() -> None:
    op.create_table(
        "refunds",
        sa.Column("refund_id", sa.UUID(), nullable=False),
        sa.Column("payment_id", sa.UUID(), nullable=False),
        sa.Column("merchant_id", sa.UUID(), nullable=False),
        sa.Column("order_id", sa.UUID(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("provider_reference", sa.Text(), nullable=False),
        sa.Column("failure", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("update_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("next_check_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("checks", sa.Integer(), nullable=False),
        sa.CheckConstraint("status IN ('PENDING', 'SUCCESS', 'FAILED')", name=op.f("ck_refunds_status_known")),
        sa.CheckConstraint("amount_minor > 0", name=op.f("ck_refunds_amount_positive")),
        sa.ForeignKeyConstraint(["payment_id"], ["payments.payment_id"], name="fk_refunds_payment_id_payments"),
        sa.PrimaryKeyConstraint("refund_id", name="pk_refunds"),
    )
    op.create_index(
        "ix_refunds_next_check",
        "refunds",
        ["next_check_time"],
        unique=False,
        postgresql_where=sa.text("next_check_time IS NOT NULL"),
    )
    op.create_index("ix_refunds_payment", "refunds", ["payment_id", "refund_id"], unique=False)
    op.create_index(
        "ix_refunds_reference",
        "refunds",
        ["provider_reference"],
        unique=False,
        postgresql_where=sa.text("provider_reference != ''"),
    )
    op.add_column("payments", sa.Column("capture_method", sa.Text(), server_default="AUTOMATIC", nullable=False))
    op.add_column("payments", sa.Column("captured_minor", sa.BigInteger(), server_default="0", nullable=False))
    op.add_column("payments", sa.Column("refunded_minor", sa.BigInteger(), server_default="0", nullable=False))
    op.execute("UPDATE payments SET captured_minor = amount_minor WHERE status = 'SUCCESS'")
    op.create_check_constraint(
        op.f("ck_payments_captured_within_amount"), "payments", "captured_minor BETWEEN 0 AND amount_minor"
    )
    op.create_check_constraint(
        op.f("ck_payments_refunded_within_captured"), "payments", "refunded_minor BETWEEN 0 AND captured_minor"
    )
    op.execute(GUARD)


def downgrade() -> None:
    op.drop_constraint(op.f("ck_payments_refunded_within_captured"), "payments")
    op.drop_constraint(op.f("ck_payments_captured_within_amount"), "payments")
    op.drop_column("payments", "refunded_minor")
    op.drop_column("payments", "captured_minor")
    op.drop_column("payments", "capture_method")
    op.drop_index("ix_refunds_reference", table_name="refunds", postgresql_where=sa.text("provider_reference != ''"))
    op.drop_index("ix_refunds_payment", table_name="refunds")
    op.drop_index(
        "ix_refunds_next_check", table_name="refunds", postgresql_where=sa.text("next_check_time IS NOT NULL")
    )
    op.drop_table("refunds")
    op.execute("DROP FUNCTION guard_refunds")
