"""What a row writes into indexes that nobody reads is spared: entries of the timeline have one index, not two.

Payments are found by their time by where they lie. The version before finds what it looks for, too.
"""

from alembic import op

from mesh.storage.migrate import add_index, change_key, drop_index

revision = "0021"
down_revision = "0020"
NAME, TABLE = "ix_payments_created", "payments"


def upgrade() -> None:
    # of the same name, and another kind
    drop_index(NAME, TABLE)
    add_index(NAME, TABLE, ["create_time"], postgresql_using="brin", postgresql_with={"autosummarize": True})
    change_key("history", ["order_id", "seq"])
    drop_index("ix_history_order", "history")


def downgrade() -> None:
    op.create_index("ix_history_order", "history", ["order_id", "seq"])
    change_key("history", ["seq"])
    op.drop_index(NAME, TABLE)
    op.create_index(NAME, TABLE, ["provider", "create_time"])
