"""Since when a provider may know of a refund, and since when nobody can be asked about one.

What was sent before has no time of it: its provider is held to know it since it was made.
"""

import sqlalchemy as sa
from alembic import op

revision = "0038"
down_revision = "0037"

TIME = sa.TIMESTAMP(timezone=True)


def upgrade() -> None:
    op.add_column("refunds", sa.Column("send_time", TIME, nullable=True))
    op.add_column("refunds", sa.Column("failing_since", TIME, nullable=True))


def downgrade() -> None:
    op.drop_column("refunds", "failing_since")
    op.drop_column("refunds", "send_time")
