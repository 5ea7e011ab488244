"""When operators took providers out of routing."""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"


def upgrade() -> None:
    op.create_table(
        "provider_maintenances",
        sa.Column("maintenance_id", sa.UUID, nullable=False),
        sa.Column("provider", sa.Text, nullable=False),
        sa.Column("operator", sa.Text, nullable=False),
        sa.Column("why", sa.Text, nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("end_time", sa.DateTime(timezone=True)),
        sa.Column("ended_by", sa.Text, nullable=False, server_default=""),
        sa.PrimaryKeyConstraint("maintenance_id", name="pk_provider_maintenances"),
    )
    # one that is not ended for each provider: of two people who start one at once, one replaces the other's
    op.create_index(
        "ux_provider_maintenances_open",
        "provider_maintenances",
        ["provider"],
        unique=True,
        postgresql_where=sa.text("end_time IS NULL"),
    )


def downgrade() -> None:
    op.drop_table("provider_maintenances")
