"""What a row writes into indexes that nobody reads is spared: entries of the timeline have one index, not two.

What is remembered of events is forgotten by their ids. The version before looks through all of it for that, every ten
minutes, as long as it is there.
"""

from alembic import op

from mesh.storage.migrate import change_key, drop_index

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    change_key("history", ["order_id", "seq"])
    drop_index("ix_history_order", "history")
    drop_index("ix_inbox_receive_time", "inbox")


def downgrade() -> None:
    op.create_index("ix_inbox_receive_time", "inbox", ["receive_time"])
    op.create_index("ix_history_order", "history", ["order_id", "seq"])
    change_key("history", ["seq"])
