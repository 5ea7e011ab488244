"""Rows that change find their next version beside them: what is written of it is the difference, not the row anew."""

from alembic import op

revision = "0011"
down_revision = "0010"
TABLES = ("orders", "outbox")


def upgrade() -> None:
    for table in TABLES:
        op.execute(f"ALTER TABLE {table} SET (fillfactor = 60)")


def downgrade() -> None:
    for table in TABLES:
        op.execute(f"ALTER TABLE {table} RESET (fillfactor)")
