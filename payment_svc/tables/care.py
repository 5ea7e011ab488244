"""What is asked of persons, and what operators have done: reviews, restores and backups."""

from __future__ import annotations

import sqlalchemy as sa

from mesh.storage.schema import TIME
from payment_svc.domain.review import Resolution, ReviewKind
from payment_svc.tables.base import metadata
from payment_svc.tables.payments import payments

reviews = sa.Table(
    "reviews",
    metadata,
    sa.Column("review_id", sa.UUID, primary_key=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("payment_id", sa.UUID, sa.ForeignKey(payments.c.payment_id), nullable=False),
    sa.Column("merchant_id", sa.UUID, nullable=False),
    sa.Column("order_id", sa.UUID, nullable=False),
    sa.Column("refund_id", sa.UUID),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("amount_minor", sa.BigInteger, nullable=False),
    sa.Column("currency", sa.Text, nullable=False),
    sa.Column("provider", sa.Text, nullable=False),
    sa.Column("provider_reference", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("create_time", TIME, nullable=False),
    sa.Column("resolution", sa.Text),
    sa.Column("resolved_by", sa.Text, nullable=False),
    sa.Column("why", sa.Text, nullable=False),
    sa.Column("confirmed_by", sa.Text, nullable=False),
    sa.Column("resolve_time", TIME),
    sa.Column("held", sa.Boolean),
    sa.CheckConstraint(f"kind IN ({', '.join(repr(str(k)) for k in ReviewKind)})", name="kind_known"),
    sa.CheckConstraint(f"resolution IN ({', '.join(repr(str(r)) for r in Resolution)})", name="resolution_known"),
    sa.CheckConstraint(
        "resolve_time IS NULL OR (resolution IS NOT NULL AND resolved_by <> '' AND why <> '')",
        name="resolved_with_reason",
    ),
)
sa.Index(
    "uq_reviews_open",
    *(reviews.c.payment_id, reviews.c.kind, reviews.c.attempt, reviews.c.provider_reference),
    unique=True,
    postgresql_where=reviews.c.resolve_time.is_(None),
)
sa.Index("ix_reviews_open", reviews.c.review_id, postgresql_where=reviews.c.resolve_time.is_(None))

# written by who restores this database from a backup
restores = sa.Table(
    "restores",
    metadata,
    sa.Column("restore_time", TIME, primary_key=True),
    # what was committed before is in it
    sa.Column("backup_time", TIME, nullable=False),
)

# written by who has dumped this database and all others
backups = sa.Table("backups", metadata, sa.Column("backup_time", TIME, primary_key=True))
