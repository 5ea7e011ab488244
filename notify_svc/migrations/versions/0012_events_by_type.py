"""Events of a type are found at once, however many others there are."""

from alembic import op

from mesh.storage.migrate import add_index

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    add_index("ix_events_type", "events", ["merchant_id", "type", "event_id"])


def downgrade() -> None:
    op.drop_index("ix_events_type", table_name="events")
