"""Where a customer goes who turns back on the provider's page. Expands only."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.add_column("payments", sa.Column("cancel_url", sa.Text(), server_default="", nullable=False))


def downgrade() -> None:
    op.drop_column("payments", "cancel_url")
