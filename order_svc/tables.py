"""The tables of the database `orders`."""

from __future__ import annotations

import sqlalchemy as sa

from mesh.storage.schema import (
    NAMING,
    TIME,
    dead_letters,
    history,
    idempotency_keys,
    inbox,
    json_column,
    outbox,
    with_mesh_tables,
)
from order_svc.domain import HOLDS_USE, OrderStatus

metadata = sa.MetaData(naming_convention=NAMING)
with_mesh_tables(metadata, outbox, inbox, dead_letters, idempotency_keys, history)

orders = sa.Table(
    "orders",
    metadata,
    sa.Column("order_id", sa.UUID, primary_key=True),
    sa.Column("merchant_id", sa.UUID, nullable=False),
    sa.Column("merchant_order_id", sa.Text, nullable=False),
    sa.Column("amount_minor", sa.BigInteger, nullable=False),
    sa.Column("currency", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("description", sa.Text, nullable=False),
    json_column("metadata"),
    sa.Column("payment_id", sa.UUID),
    sa.Column("payment_version", sa.Integer, nullable=False, server_default="0"),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("create_time", TIME, nullable=False),
    sa.Column("update_time", TIME, nullable=False),
    sa.Column("expire_time", TIME, nullable=False),
    # spares the creation a row of history
    sa.Column("create_trace_id", sa.Text, nullable=False, server_default=""),
    # what its payment has told of refunds, and in which version: the service before raises payment_version alone
    sa.Column("refunded_minor", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("refunded_version", sa.Integer, nullable=False, server_default="0"),
    # what its payment captured, which may be less than the amount; NULL where the service before settled it
    sa.Column("captured_minor", sa.BigInteger),
    sa.Column("payment_link_id", sa.UUID),
    # which browser's it is, of those that pay a link
    sa.Column("link_checkout", sa.Text),
    sa.CheckConstraint("amount_minor > 0", name="amount_positive"),
    sa.CheckConstraint(f"status IN ({', '.join(repr(str(s)) for s in OrderStatus)})", name="status_known"),
    sa.CheckConstraint("payment_id IS NOT NULL OR status IN ('NEW', 'CANCELLED', 'EXPIRED')", name="payment_named"),
)
sa.Index("ix_orders_expiring", orders.c.expire_time, postgresql_where=sa.text("status IN ('NEW', 'FAILED')"))
# lists are keyset pages, newest first: UUIDv7 ids sort by time
# what an amount is looked for by is in it as well: of a month all are gone through to find that there is none
sa.Index(
    "ix_orders_merchant_amount",
    *(orders.c.merchant_id, orders.c.order_id),
    postgresql_include=["amount_minor", "currency", "create_time"],
)
sa.Index("ix_orders_merchant_status", orders.c.merchant_id, orders.c.status, orders.c.order_id)
sa.Index(
    "ix_orders_merchant_reference",
    orders.c.merchant_id,
    orders.c.merchant_order_id,
    orders.c.order_id,
    postgresql_where=orders.c.merchant_order_id != "",
)
# lists of what has changed since
sa.Index("ix_orders_merchant_updated", orders.c.merchant_id, orders.c.update_time)
sa.Index(
    "ix_orders_metadata",
    orders.c.metadata,
    postgresql_using="gin",
    postgresql_ops={"metadata": "jsonb_path_ops"},
    postgresql_where=sa.text("metadata <> '{}'::jsonb"),
)
# the uses of a link
_HOLDING = ", ".join(repr(str(status)) for status in sorted(HOLDS_USE))
sa.Index(
    "ix_orders_link_holds",
    orders.c.payment_link_id,
    orders.c.order_id,
    postgresql_include=["status"],
    postgresql_where=sa.text(f"payment_link_id IS NOT NULL AND status IN ({_HOLDING})"),
)
# its orders newest first
sa.Index(
    "ix_orders_payment_link",
    orders.c.payment_link_id,
    orders.c.order_id,
    postgresql_include=["status"],
    postgresql_where=orders.c.payment_link_id.is_not(None),
)
sa.Index(
    "ix_orders_link_checkout",
    orders.c.payment_link_id,
    orders.c.link_checkout,
    orders.c.order_id,
    postgresql_where=orders.c.payment_link_id.is_not(None),
)

# who began each order of a link, and who chose last where it is paid
link_turns = sa.Table(
    "link_turns",
    metadata,
    sa.Column("order_id", sa.UUID, sa.ForeignKey(orders.c.order_id), primary_key=True),
    sa.Column("payment_link_id", sa.UUID, nullable=False),
    # a digest of the network that it was begun from; empty: nobody said
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("browser", sa.Text, nullable=False),
    sa.Column("provider", sa.Text, nullable=False),
    sa.Column("turn_time", TIME, nullable=False),
)
sa.Index("ix_link_turns_source", link_turns.c.payment_link_id, link_turns.c.source, link_turns.c.order_id)

payment_links = sa.Table(
    "payment_links",
    metadata,
    sa.Column("payment_link_id", sa.UUID, primary_key=True),
    sa.Column("merchant_id", sa.UUID, nullable=False),
    # the merchant itself, where `merchant_id` is another one in each mode
    sa.Column("account_id", sa.UUID, nullable=False),
    sa.Column("mode", sa.Text, nullable=False),
    # not hashed: the merchant copies the address again and again, and it lets nobody do more than pay
    sa.Column("token", sa.Text, nullable=False, unique=True),
    sa.Column("amount_minor", sa.BigInteger, nullable=False),
    sa.Column("currency", sa.Text, nullable=False),
    sa.Column("description", sa.Text, nullable=False),
    sa.Column("merchant_order_id", sa.Text, nullable=False),
    json_column("metadata"),
    sa.Column("return_url", sa.Text, nullable=False),
    sa.Column("max_uses", sa.Integer, nullable=False),
    sa.Column("enabled", sa.Boolean, nullable=False),
    sa.Column("create_time", TIME, nullable=False),
    sa.Column("update_time", TIME, nullable=False),
    sa.Column("expire_time", TIME),
    sa.CheckConstraint("amount_minor > 0", name="amount_positive"),
    sa.CheckConstraint("max_uses > 0", name="max_uses_positive"),
)
sa.Index("ix_payment_links_merchant", payment_links.c.merchant_id, payment_links.c.payment_link_id)
