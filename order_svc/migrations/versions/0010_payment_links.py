"""Payment links, and the orders that are made by them. Expands only."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from mesh.storage.migrate import add_index

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.add_column("orders", sa.Column("payment_link_id", sa.UUID(), nullable=True), if_not_exists=True)
    op.add_column("orders", sa.Column("link_checkout", sa.Text(), nullable=True), if_not_exists=True)
    ours = sa.text("payment_link_id IS NOT NULL")
    add_index(
        "ix_orders_payment_link",
        "orders",
        ["payment_link_id", "order_id"],
        postgresql_include=["status"],
        postgresql_where=ours,
    )
    add_index(
        "ix_orders_link_checkout",
        "orders",
        ["payment_link_id", "link_checkout", "order_id"],
        postgresql_where=ours,
    )
    op.create_table(
        "payment_links",
        sa.Column("payment_link_id", sa.UUID(), nullable=False),
        sa.Column("merchant_id", sa.UUID(), nullable=False),
        sa.Column("account_id", sa.UUID(), nullable=False),
        sa.Column("mode", sa.Text(), nullable=False),
        sa.Column("token", sa.Text(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("merchant_order_id", sa.Text(), nullable=False),
        sa.Column("metadata", postgresql.JSONB(), nullable=False),
        sa.Column("return_url", sa.Text(), nullable=False),
        sa.Column("max_uses", sa.Integer(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("update_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expire_time", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("amount_minor > 0", name=op.f("ck_payment_links_amount_positive")),
        sa.CheckConstraint("max_uses > 0", name=op.f("ck_payment_links_max_uses_positive")),
        sa.PrimaryKeyConstraint("payment_link_id", name=op.f("pk_payment_links")),
        sa.UniqueConstraint("token", name=op.f("uq_payment_links_token")),
    )
    op.create_index("ix_payment_links_merchant", "payment_links", ["merchant_id", "payment_link_id"])


def downgrade() -> None:
    op.drop_table("payment_links")
    op.drop_index("ix_orders_link_checkout", "orders")
    op.drop_index("ix_orders_payment_link", "orders")
    op.drop_column("orders", "link_checkout")
    op.drop_column("orders", "payment_link_id")
