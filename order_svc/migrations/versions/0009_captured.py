"""What the payment of an order captured. Expands only."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.add_column("orders", sa.Column("captured_minor", sa.BigInteger(), nullable=True))


def downgrade() -> None:
    op.drop_column("orders", "captured_minor")
