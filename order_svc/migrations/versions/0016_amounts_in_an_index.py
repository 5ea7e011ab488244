"""A merchant's orders of an amount are found in an index, without a look at each of its orders."""

from alembic import op

from mesh.storage.migrate import add_index, drop_index

revision = "0016"
down_revision = "0015"

SETTINGS = ("autovacuum_vacuum_scale_factor = 0.05", "autovacuum_vacuum_insert_scale_factor = 0.05")
"""An index answers by itself only for what was cleaned up since it was changed: twenty times in the life of a table."""


def upgrade() -> None:
    columns, beside = ["merchant_id", "order_id"], ["amount_minor", "currency", "create_time"]
    add_index("ix_orders_merchant_amount", "orders", columns, postgresql_include=beside)
    drop_index("ix_orders_merchant", "orders")
    op.execute(f"ALTER TABLE orders SET ({', '.join(SETTINGS)})")


def downgrade() -> None:
    op.execute("ALTER TABLE orders RESET (autovacuum_vacuum_scale_factor, autovacuum_vacuum_insert_scale_factor)")
    add_index("ix_orders_merchant", "orders", ["merchant_id", "order_id"])
    drop_index("ix_orders_merchant_amount", "orders")
