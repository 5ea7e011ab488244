"""What was compared of a provider's books is kept, and whose turn it is to compare them."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql as pg

revision = "0032"
down_revision = "0031"

TIME = sa.DateTime(timezone=True)
COUNTS = ("provider_payments", "our_payments", "differences")


def upgrade() -> None:
    op.create_table(
        "book_comparisons",
        sa.Column("comparison_id", sa.UUID, nullable=False),
        sa.Column("provider", sa.Text, nullable=False),
        *(sa.Column(name, TIME, nullable=False) for name in ("from_time", "until_time", "create_time")),
        *(sa.Column(name, sa.Integer, nullable=False) for name in COUNTS),
        sa.Column("found", pg.JSONB, nullable=False),
        sa.Column("supersede_time", TIME),
        sa.PrimaryKeyConstraint("comparison_id", name="pk_book_comparisons"),
        sa.CheckConstraint("from_time < until_time", name=op.f("ck_book_comparisons_span_has_length")),
        sa.CheckConstraint("differences >= 0", name=op.f("ck_book_comparisons_differences_counted")),
    )
    op.create_index(
        "ix_book_comparisons_holding",
        "book_comparisons",
        ["provider", "from_time"],
        postgresql_where=sa.text("supersede_time IS NULL"),
    )
    op.create_table(
        "book_comparison_turns",
        sa.Column("provider", sa.Text, nullable=False),
        sa.Column("first_time", TIME, nullable=False),
        sa.Column("until_time", TIME, nullable=False),
        sa.PrimaryKeyConstraint("provider", name="pk_book_comparison_turns"),
    )


def downgrade() -> None:
    op.drop_table("book_comparison_turns")
    op.drop_table("book_comparisons")
