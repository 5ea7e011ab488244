"""Who began each order of a payment link, and who chose last where it is paid. Expands only."""

import sqlalchemy as sa
from alembic import op

from mesh.storage.migrate import add_index, drop_index

revision = "0014"
down_revision = "0013"

HOLDING = "status IN ('NEW', 'PARTIALLY_REFUNDED', 'PROCESSING', 'REFUNDED', 'SUCCESS')"


def upgrade() -> None:
    # with the id, which says when an order was made; it serves the version before as well as the index that goes
    add_index(
        "ix_orders_link_holds",
        "orders",
        ["payment_link_id", "order_id"],
        postgresql_include=["status"],
        postgresql_where=sa.text(f"payment_link_id IS NOT NULL AND {HOLDING}"),
    )
    drop_index("ix_orders_link_uses", "orders")
    op.create_table(
        "link_turns",
        sa.Column("order_id", sa.UUID(), nullable=False),
        sa.Column("payment_link_id", sa.UUID(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("browser", sa.Text(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("turn_time", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["order_id"], ["orders.order_id"], name=op.f("fk_link_turns_order_id_orders")),
        sa.PrimaryKeyConstraint("order_id", name=op.f("pk_link_turns")),
    )
    op.create_index("ix_link_turns_source", "link_turns", ["payment_link_id", "source", "order_id"])


def downgrade() -> None:
    op.drop_table("link_turns")
    op.create_index(
        "ix_orders_link_uses",
        "orders",
        ["payment_link_id"],
        postgresql_include=["status"],
        postgresql_where=sa.text(f"payment_link_id IS NOT NULL AND {HOLDING}"),
    )
    op.drop_index("ix_orders_link_holds", "orders")
