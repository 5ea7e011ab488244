"""A merchant's payments through a provider are found at once, however many went through others."""

from alembic import op

from mesh.storage.migrate import add_index

revision = "0025"
down_revision = "0024"


def upgrade() -> None:
    add_index("ix_payments_merchant_provider", "payments", ["merchant_id", "provider", "payment_id"])


def downgrade() -> None:
    op.drop_index("ix_payments_merchant_provider", table_name="payments")
