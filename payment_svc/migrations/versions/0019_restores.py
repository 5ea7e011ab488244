"""When this database was restored, and from which backup: what was given back in between is to be asked of providers."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    op.create_table(
        "restores",
        sa.Column("restore_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("backup_time", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("restore_time", name="pk_restores"),
    )


def downgrade() -> None:
    op.drop_table("restores")
