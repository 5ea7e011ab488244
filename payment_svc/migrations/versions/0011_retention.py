"""The oldest events of providers are found at once, to be deleted."""

from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.create_index("ix_provider_events_receive_time", "provider_events", ["receive_time"])


def downgrade() -> None:
    op.drop_index("ix_provider_events_receive_time", table_name="provider_events")
