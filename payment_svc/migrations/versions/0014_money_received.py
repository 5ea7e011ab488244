"""A question about money of another amount says whether that is only held: its answer voids it, or gives it back."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    op.add_column("reviews", sa.Column("held", sa.Boolean(), nullable=True))


def downgrade() -> None:
    op.drop_column("reviews", "held")
