"""What merchants' routing policies were."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql as pg

revision = "0023"
down_revision = "0022"


def upgrade() -> None:
    op.create_table(
        "routing_policy_versions",
        sa.Column("merchant_id", sa.UUID, nullable=False),
        sa.Column("version_id", sa.UUID, nullable=False),
        sa.Column("rules", pg.JSONB, nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("trace_id", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("merchant_id", "version_id", name="pk_routing_policy_versions"),
    )


def downgrade() -> None:
    op.drop_table("routing_policy_versions")
