"""Endpoints with filters, secrets that rotate, and a queue for each of them."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"

QUEUED = sa.text("next_attempt_time IS NOT NULL")


def upgrade() -> None:
    # the defaults stay: during a rolling update the version before goes on writing rows
    for name, kind, default in (
        ("event_types", postgresql.ARRAY(sa.Text()), "'{*}'"),
        ("description", sa.Text(), "''"),
        ("enabled", sa.Boolean(), "true"),
        ("disable_reason", sa.Text(), "''"),
        ("update_time", sa.DateTime(timezone=True), "now()"),
    ):
        op.add_column("webhook_endpoints", sa.Column(name, kind, server_default=sa.text(default), nullable=False))
    op.execute("UPDATE webhook_endpoints SET update_time = create_time")
    op.add_column("webhook_endpoints", sa.Column("delete_time", sa.DateTime(timezone=True), nullable=True))
    op.add_column("webhook_endpoints", sa.Column("old_secret", sa.LargeBinary(), nullable=True))
    op.add_column("webhook_endpoints", sa.Column("old_secret_expire_time", sa.DateTime(timezone=True), nullable=True))
    op.add_column("webhook_endpoints", sa.Column("failing_since", sa.DateTime(timezone=True), nullable=True))
    op.create_check_constraint(
        op.f("ck_webhook_endpoints_disable_reason_known"),
        "webhook_endpoints",
        "disable_reason IN ('', 'MERCHANT', 'GONE', 'FAILING')",
    )
    op.create_check_constraint(
        op.f("ck_webhook_endpoints_disabled_for_a_reason"), "webhook_endpoints", "enabled = (disable_reason = '')"
    )
    op.add_column("deliveries", sa.Column("attempts_before", sa.Integer(), server_default="0", nullable=False))
    op.drop_constraint(op.f("ck_deliveries_status_known"), "deliveries")
    op.create_check_constraint(
        op.f("ck_deliveries_status_known"), "deliveries", "status IN ('PENDING', 'DELIVERED', 'FAILED', 'CANCELLED')"
    )
    op.drop_index("ix_deliveries_due", table_name="deliveries")
    op.create_index("ix_deliveries_queue", "deliveries", ["endpoint_id", "next_attempt_time"], postgresql_where=QUEUED)
    op.create_index("ix_deliveries_event", "deliveries", ["event_id"])
    op.create_index("ix_events_order", "events", ["merchant_id", "order_id", "event_id"])


def downgrade() -> None:
    op.drop_index("ix_events_order", table_name="events")
    op.drop_index("ix_deliveries_event", table_name="deliveries")
    op.drop_index("ix_deliveries_queue", table_name="deliveries")
    op.create_index("ix_deliveries_due", "deliveries", ["next_attempt_time"], postgresql_where=QUEUED)
    op.execute("UPDATE deliveries SET status = 'FAILED' WHERE status = 'CANCELLED'")
    op.drop_constraint(op.f("ck_deliveries_status_known"), "deliveries")
    op.create_check_constraint(
        op.f("ck_deliveries_status_known"), "deliveries", "status IN ('PENDING', 'DELIVERED', 'FAILED')"
    )
    op.drop_column("deliveries", "attempts_before")
    for name in ("failing_since", "old_secret_expire_time", "old_secret", "delete_time", "update_time"):
        op.drop_column("webhook_endpoints", name)
    op.drop_constraint(op.f("ck_webhook_endpoints_disabled_for_a_reason"), "webhook_endpoints")
    for name in ("disable_reason", "enabled", "description", "event_types"):
        op.drop_column("webhook_endpoints", name)
