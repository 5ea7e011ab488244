"""The tables about comparisons of books: what was compared, and whose turn it is."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from mesh.storage.schema import TIME
from payment_svc.tables.base import metadata

book_comparisons = sa.Table(
    "book_comparisons",
    metadata,
    sa.Column("comparison_id", sa.UUID, primary_key=True),
    sa.Column("provider", sa.Text, nullable=False),
    # as it was compared, without what was too young
    sa.Column("from_time", TIME, nullable=False),
    sa.Column("until_time", TIME, nullable=False),
    sa.Column("create_time", TIME, nullable=False),
    sa.Column("provider_payments", sa.Integer, nullable=False),
    sa.Column("our_payments", sa.Integer, nullable=False),
    sa.Column("differences", sa.Integer, nullable=False),
    # the first of them: what differs, of which payment, or which object of the provider's
    sa.Column("found", pg.JSONB, nullable=False),
    # since when newer ones have covered all of its span
    sa.Column("supersede_time", TIME),
    sa.CheckConstraint("from_time < until_time", name="span_has_length"),
    sa.CheckConstraint("differences >= 0", name="differences_counted"),
)
sa.Index(
    *("ix_book_comparisons_holding", book_comparisons.c.provider, book_comparisons.c.from_time),
    postgresql_where=book_comparisons.c.supersede_time.is_(None),
)

# which replica compares a provider's books now, and since when they are to be compared at all
book_comparison_turns = sa.Table(
    "book_comparison_turns",
    metadata,
    sa.Column("provider", sa.Text, primary_key=True),
    sa.Column("first_time", TIME, nullable=False),
    sa.Column("until_time", TIME, nullable=False),
)
