"""The tables of the database `notify`."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from mesh.storage.schema import NAMING, TIME, dead_letters, idempotency_keys, inbox, with_mesh_tables

metadata = sa.MetaData(naming_convention=NAMING)
with_mesh_tables(metadata, inbox, dead_letters, idempotency_keys)

webhook_endpoints = sa.Table(
    "webhook_endpoints",
    metadata,
    sa.Column("endpoint_id", sa.UUID, primary_key=True),
    sa.Column("merchant_id", sa.UUID, nullable=False),
    # what differs between kinds is how one attempt is made; all else is the same for all
    sa.Column("kind", sa.Text, nullable=False, server_default="WEBHOOK"),
    # a URL, or the address of a mailbox
    sa.Column("url", sa.Text, nullable=False),
    # of a webhook what it is signed with, of a browser its keys: encrypted and authenticated by a key that is not in
    # the database. A mailbox has none
    sa.Column("secret", sa.LargeBinary),
    sa.Column("create_time", TIME, nullable=False),
    sa.Column("event_types", pg.ARRAY(sa.Text), nullable=False),
    sa.Column("description", sa.Text, nullable=False),
    sa.Column("enabled", sa.Boolean, nullable=False),
    sa.Column("disable_reason", sa.Text, nullable=False),
    sa.Column("update_time", TIME, nullable=False),
    # kept, since deliveries refer to it
    sa.Column("delete_time", TIME),
    # of the asymmetric scheme, whose secret is a private key; empty for the symmetric one
    sa.Column("public_key", sa.Text, nullable=False, server_default=""),
    # what the last rotation replaced, and until when it signs too
    sa.Column("old_secret", sa.LargeBinary),
    sa.Column("old_secret_expire_time", TIME),
    # of the words that people read
    sa.Column("language", sa.Text, nullable=False, server_default="EN"),
    # SHA-256 of the token that confirms a mailbox, and until when it does
    sa.Column("token_hash", sa.LargeBinary),
    sa.Column("token_expire_time", TIME),
    # the first failed attempt since the last that succeeded
    sa.Column("failing_since", TIME),
    sa.CheckConstraint("kind IN ('WEBHOOK', 'EMAIL', 'PUSH')", name="kind_known"),
    sa.CheckConstraint("(secret IS NULL) = (kind = 'EMAIL')", name="secret_there"),
    sa.CheckConstraint(
        "disable_reason IN ('', 'MERCHANT', 'GONE', 'FAILING', 'UNCONFIRMED')", name="disable_reason_known"
    ),
    sa.CheckConstraint("enabled = (disable_reason = '')", name="disabled_for_a_reason"),
)
sa.Index("ix_webhook_endpoints_merchant", webhook_endpoints.c.merchant_id, webhook_endpoints.c.endpoint_id)

events = sa.Table(
    "events",
    metadata,
    sa.Column("event_id", sa.UUID, primary_key=True),
    sa.Column("merchant_id", sa.UUID, nullable=False),
    sa.Column("type", sa.Text, nullable=False),
    sa.Column("aggregate_id", sa.UUID, nullable=False),
    sa.Column("aggregate_version", sa.BigInteger, nullable=False),
    sa.Column("order_id", sa.Text, nullable=False),
    # the fact as it came; what merchants read is made of it when it is sent
    sa.Column("payload", sa.LargeBinary, nullable=False),
    sa.Column("trace_id", sa.Text, nullable=False),
    sa.Column("create_time", TIME, nullable=False),
    # its place in the log: a trigger has positions become visible in their order, which ids do not
    sa.Column("position", sa.BigInteger, sa.Identity(always=True), nullable=False),
)
sa.Index("ix_events_position", events.c.position, unique=True)
sa.Index("ix_events_stream", events.c.merchant_id, events.c.position)
sa.Index("ix_events_merchant", events.c.merchant_id, events.c.event_id)
sa.Index("ix_events_type", events.c.merchant_id, events.c.type, events.c.event_id)
sa.Index("ix_events_order", events.c.merchant_id, events.c.order_id, events.c.event_id)
sa.Index("ix_events_aggregate", events.c.aggregate_id, events.c.aggregate_version)

LOST = ("FAILED", "CANCELLED")
"""The statuses of deliveries that were never taken, and are not tried any more."""

deliveries = sa.Table(
    "deliveries",
    metadata,
    sa.Column("delivery_id", sa.UUID, primary_key=True),
    sa.Column("endpoint_id", sa.UUID, sa.ForeignKey(webhook_endpoints.c.endpoint_id), nullable=False),
    sa.Column("event_id", sa.UUID, sa.ForeignKey(events.c.event_id), nullable=False),
    sa.Column("aggregate_id", sa.UUID, nullable=False),
    sa.Column("aggregate_version", sa.BigInteger, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("next_attempt_time", TIME),
    # how many attempts there were when it was last sent again: the schedule begins anew after them
    sa.Column("attempts_before", sa.Integer, nullable=False),
    # how often it was sent again: an attempt that began before the last time is told by it
    sa.Column("resends", sa.Integer, nullable=False, server_default="0"),
    sa.CheckConstraint("status IN ('PENDING', 'DELIVERED', 'FAILED', 'CANCELLED')", name="status_known"),
    sa.UniqueConstraint("endpoint_id", "event_id"),
)
# each endpoint has a queue of its own
sa.Index(
    "ix_deliveries_queue",
    deliveries.c.endpoint_id,
    deliveries.c.next_attempt_time,
    postgresql_where=deliveries.c.next_attempt_time.is_not(None),
)
sa.Index("ix_deliveries_event", deliveries.c.event_id)
# what an endpoint never took, which is little and may be long ago; the rest is found by the endpoint's events
sa.Index(
    "ix_deliveries_lost",
    deliveries.c.endpoint_id,
    deliveries.c.status,
    deliveries.c.event_id,
    postgresql_where=deliveries.c.status.in_(LOST),
)
# what an endpoint is still to take: none of it, or all that a week's outage has left
sa.Index(
    "ix_deliveries_pending",
    deliveries.c.endpoint_id,
    deliveries.c.event_id,
    postgresql_where=deliveries.c.status == "PENDING",
)
# the first delivery of a version waits for the first attempt of the version before it
sa.Index(
    "ix_deliveries_untried",
    deliveries.c.endpoint_id,
    deliveries.c.aggregate_id,
    deliveries.c.aggregate_version,
    postgresql_where=deliveries.c.attempts == 0,
)

delivery_attempts = sa.Table(
    "delivery_attempts",
    metadata,
    sa.Column("delivery_id", sa.UUID, sa.ForeignKey(deliveries.c.delivery_id), primary_key=True),
    sa.Column("attempt", sa.Integer, primary_key=True),
    sa.Column("time", TIME, nullable=False),
    sa.Column("status", sa.Integer, nullable=False),
    sa.Column("duration_ms", sa.Double, nullable=False),
    sa.Column("answer", sa.Text, nullable=False),
)
