"""What applies a provider's event knows the span that received it."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.add_column("provider_events", sa.Column("traceparent", sa.Text()))


def downgrade() -> None:
    op.drop_column("provider_events", "traceparent")
