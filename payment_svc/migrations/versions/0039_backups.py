"""When this database was last dumped whole, as who dumps it notes: what grows old without a word is told of by that."""

import sqlalchemy as sa
from alembic import op

revision = "0039"
down_revision = "0038"


def upgrade() -> None:
    op.create_table(
        "backups",
        sa.Column("backup_time", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("backup_time", name="pk_backups"),
    )


def downgrade() -> None:
    op.drop_table("backups")
