"""The uses of a payment link are counted among the orders that hold one. Expands only."""

import sqlalchemy as sa
from alembic import op

from mesh.storage.migrate import add_index

revision = "0013"
down_revision = "0012"

HOLDING = "status IN ('NEW', 'PARTIALLY_REFUNDED', 'PROCESSING', 'REFUNDED', 'SUCCESS')"


def upgrade() -> None:
    add_index(
        "ix_orders_link_uses",
        "orders",
        ["payment_link_id"],
        postgresql_include=["status"],
        postgresql_where=sa.text(f"payment_link_id IS NOT NULL AND {HOLDING}"),
    )


def downgrade() -> None:
    op.drop_index("ix_orders_link_uses", "orders")
