"""Entries are found by their time by where they lie: they come in the order of their time, and are never changed."""

from alembic import op

from mesh.storage.migrate import add_index, drop_index

revision = "0004"
down_revision = "0003"
NAME, TABLE = "ix_entries_time", "entries"


def upgrade() -> None:
    # of the same name, and another kind
    drop_index(NAME, TABLE)
    add_index(NAME, TABLE, ["time"], postgresql_using="brin", postgresql_with={"autosummarize": True})


def downgrade() -> None:
    op.drop_index(NAME, TABLE)
    op.create_index(NAME, TABLE, ["time"])
