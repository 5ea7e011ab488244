"""What is paid, given back and disputed says the merchant's own number of its order; empty for what is older."""

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"

TABLES = ("payments", "refunds", "disputes")


def upgrade() -> None:
    for table in TABLES:
        op.add_column(table, sa.Column("merchant_order_id", sa.Text(), server_default="", nullable=False))


def downgrade() -> None:
    for table in TABLES:
        op.drop_column(table, "merchant_order_id")
