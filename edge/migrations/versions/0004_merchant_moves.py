"""Merchants on their way between cells."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.create_table(
        "merchant_moves",
        sa.Column("merchant_id", sa.UUID(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("change_time", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("state IN ('ARRIVING', 'HELD', 'MOVED')", name=op.f("ck_merchant_moves_state_known")),
        sa.PrimaryKeyConstraint("merchant_id", name="pk_merchant_moves"),
    )


def downgrade() -> None:
    op.drop_table("merchant_moves")
