"""A refund that the gateway owes is told by a column, which no merchant writes, and not by the words of its reason."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    # null: stored by the version before, or while it ran beside this one
    op.add_column("refunds", sa.Column("is_owed", sa.Boolean()))


def downgrade() -> None:
    op.drop_column("refunds", "is_owed")
