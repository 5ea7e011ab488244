"""The oldest events of providers are found at once, to be deleted."""

from alembic import op

from mesh.storage.migrate import add_index

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    add_index("ix_provider_events_receive_time", "provider_events", ["receive_time"])


def downgrade() -> None:
    op.drop_index("ix_provider_events_receive_time", table_name="provider_events")
