"""Merchants' own accounts at providers."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.create_table(
        "provider_accounts",
        sa.Column("account_id", sa.UUID(), nullable=False),
        sa.Column("merchant_id", sa.UUID(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("mode", sa.Text(), nullable=False),
        sa.Column("credentials", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("data_key", sa.LargeBinary(), nullable=False),
        sa.Column("secret", sa.LargeBinary(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("update_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("delete_time", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("account_id", name="pk_provider_accounts"),
    )
    op.create_index(
        "uq_provider_accounts_in_use",
        "provider_accounts",
        ["merchant_id", "provider"],
        unique=True,
        postgresql_where=sa.text("delete_time IS NULL"),
    )
    op.add_column("payments", sa.Column("mode", sa.Text(), server_default="", nullable=False))
    op.add_column("payments", sa.Column("account_id", sa.UUID(), nullable=True))
    op.add_column("provider_events", sa.Column("account", sa.Text(), server_default="", nullable=False))
    op.drop_constraint("pk_provider_events", "provider_events")
    op.create_primary_key("pk_provider_events", "provider_events", ["provider", "account", "event_id"])


def downgrade() -> None:
    op.execute("DELETE FROM provider_events WHERE account <> ''")
    op.drop_constraint("pk_provider_events", "provider_events")
    op.create_primary_key("pk_provider_events", "provider_events", ["provider", "event_id"])
    op.drop_column("provider_events", "account")
    op.drop_column("payments", "account_id")
    op.drop_column("payments", "mode")
    op.drop_table("provider_accounts")
