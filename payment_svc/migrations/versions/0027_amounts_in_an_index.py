"""A merchant's payments of an amount are found in an index, without a look at each of its payments."""

from alembic import op

from mesh.storage.migrate import add_index, drop_index

revision = "0027"
down_revision = "0026"

SETTINGS = ("autovacuum_vacuum_scale_factor = 0.05", "autovacuum_vacuum_insert_scale_factor = 0.05")
"""An index answers by itself only for what was cleaned up since it was changed: twenty times in the life of a table."""


def upgrade() -> None:
    columns, beside = ["merchant_id", "payment_id"], ["amount_minor", "currency", "create_time"]
    add_index("ix_payments_merchant_amount", "payments", columns, postgresql_include=beside)
    drop_index("ix_payments_merchant", "payments")
    op.execute(f"ALTER TABLE payments SET ({', '.join(SETTINGS)})")


def downgrade() -> None:
    op.execute("ALTER TABLE payments RESET (autovacuum_vacuum_scale_factor, autovacuum_vacuum_insert_scale_factor)")
    add_index("ix_payments_merchant", "payments", ["merchant_id", "payment_id"])
    drop_index("ix_payments_merchant_amount", "payments")
