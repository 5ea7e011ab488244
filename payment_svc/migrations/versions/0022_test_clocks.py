"""How far merchants have moved their test data on."""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"


def upgrade() -> None:
    op.create_table(
        "test_clocks",
        sa.Column("merchant_id", sa.UUID, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("advanced", sa.Interval, nullable=False),
        sa.Column("update_time", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("merchant_id", name="pk_test_clocks"),
    )


def downgrade() -> None:
    op.drop_table("test_clocks")
