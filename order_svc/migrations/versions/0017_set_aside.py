"""What an outbox could not publish is found in an index."""

import sqlalchemy as sa

from mesh.storage.migrate import add_index, drop_index

revision = "0017"
down_revision = "0016"

ASIDE = "publish_time IS NOT NULL AND stream_seq IS NULL"


def upgrade() -> None:
    add_index("ix_outbox_aside", "outbox", ["seq"], postgresql_where=sa.text(ASIDE))


def downgrade() -> None:
    drop_index("ix_outbox_aside", "outbox")
