"""The tables that the service starts with."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None

LEGAL_STEPS = (
    "NEW>CANCELLED",
    "NEW>EXPIRED",
    "NEW>PROCESSING",
    "PROCESSING>FAILED",
    "PROCESSING>SUCCESS",
    "FAILED>EXPIRED",
    "FAILED>PROCESSING",
    "FAILED>SUCCESS",
    "SUCCESS>PARTIALLY_REFUNDED",
    "SUCCESS>REFUNDED",
    "PARTIALLY_REFUNDED>REFUNDED",
    "PARTIALLY_REFUNDED>SUCCESS",
    "REFUNDED>PARTIALLY_REFUNDED",
    "REFUNDED>SUCCESS",
)
GUARD = f"""
CREATE FUNCTION guard_orders() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.version <> OLD.version + 1 THEN
        RAISE check_violation USING MESSAGE = format('version %s cannot follow %s', NEW.version, OLD.version);
    END IF;
    IF NEW.status <> OLD.status AND OLD.status || '>' || NEW.status NOT IN ({", ".join(map(repr, LEGAL_STEPS))}) THEN
        RAISE check_violation USING MESSAGE = format('status %s cannot follow %s', NEW.status, OLD.status);
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER guard_orders BEFORE UPDATE OF status, version ON orders
    FOR EACH ROW EXECUTE FUNCTION guard_orders();
"""


def upgrade() -> None:
    op.create_table(
        "dead_letters",
        sa.Column("dead_letter_id", sa.UUID(), nullable=False),
        sa.Column("consumer", sa.Text(), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("deliveries", sa.Integer(), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("replay_time", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("dead_letter_id", name="pk_dead_letters"),
        sa.UniqueConstraint("consumer", "event_id", name="uq_dead_letters_consumer_event_id"),
    )
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
        "inbox",
        sa.Column("consumer", sa.Text(), nullable=False),
        sa.Column("event_id", sa.UUID(), nullable=False),
        sa.Column("receive_time", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("consumer", "event_id", name="pk_inbox"),
    )
    op.create_index("ix_inbox_receive_time", "inbox", ["receive_time"], unique=False)
    op.create_table(
        "orders",
        sa.Column("order_id", sa.UUID(), nullable=False),
        sa.Column("merchant_id", sa.UUID(), nullable=False),
        sa.Column("merchant_order_id", sa.Text(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("metadata", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("payment_id", sa.UUID(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("update_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expire_time", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "payment_id IS NOT NULL OR status IN ('NEW', 'CANCELLED', 'EXPIRED')", name=op.f("ck_orders_payment_named")
        ),
        sa.CheckConstraint(
            "status IN ('NEW', 'PROCESSING', 'SUCCESS', 'FAILED', 'CANCELLED', 'EXPIRED', 'PARTIALLY_REFUNDED', 'REFUNDED')",
            name=op.f("ck_orders_status_known"),
        ),
        sa.CheckConstraint("amount_minor > 0", name=op.f("ck_orders_amount_positive")),
        sa.PrimaryKeyConstraint("order_id", name="pk_orders"),
    )
    op.create_index("ix_orders_merchant", "orders", ["merchant_id", "order_id"], unique=False)
    op.create_index(
        "ix_orders_merchant_reference",
        "orders",
        ["merchant_id", "merchant_order_id", "order_id"],
        unique=False,
        postgresql_where=sa.text("merchant_order_id != ''"),
    )
    op.create_index("ix_orders_merchant_status", "orders", ["merchant_id", "status", "order_id"], unique=False)
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
    # the last word on legal steps, whatever goes wrong above
    op.execute(GUARD)


def downgrade() -> None:
    op.drop_index("ix_outbox_backlog", table_name="outbox", postgresql_where=sa.text("publish_time IS NULL"))
    op.drop_index("ix_outbox_aggregate", table_name="outbox", postgresql_where=sa.text("publish_time IS NULL"))
    op.drop_table("outbox")
    op.drop_index("ix_orders_merchant_status", table_name="orders")
    op.drop_index(
        "ix_orders_merchant_reference", table_name="orders", postgresql_where=sa.text("merchant_order_id != ''")
    )
    op.drop_index("ix_orders_merchant", table_name="orders")
    op.drop_table("orders")
    op.drop_index("ix_inbox_receive_time", table_name="inbox")
    op.drop_table("inbox")
    op.drop_index("ix_idempotency_keys_create_time", table_name="idempotency_keys")
    op.drop_table("idempotency_keys")
    op.drop_table("dead_letters")
    op.execute("DROP FUNCTION guard_orders")
