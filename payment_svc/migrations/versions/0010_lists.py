"""What lists of payments and refunds filter by. Expands only."""

from alembic import op

from mesh.storage.migrate import add_index

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    add_index("ix_payments_merchant_updated", "payments", ["merchant_id", "update_time"])
    add_index("ix_refunds_merchant", "refunds", ["merchant_id", "refund_id"])


def downgrade() -> None:
    op.drop_index("ix_refunds_merchant", "refunds")
    op.drop_index("ix_payments_merchant_updated", "payments")
