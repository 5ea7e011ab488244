"""Links that let somebody in once, and filters that people keep."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "links",
        sa.Column("token_sha256", sa.LargeBinary(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("display_name", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("merchant_id", sa.UUID(), nullable=True),
        sa.Column("made_by", sa.UUID(), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expire_time", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("kind IN ('invitation', 'reset')", name=op.f("ck_links_kind")),
        sa.ForeignKeyConstraint(["made_by"], ["users.user_id"], name="fk_links_made_by_users", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("token_sha256", name="pk_links"),
        sa.UniqueConstraint(
            "merchant_id", "email", name="uq_links_merchant_id_email", postgresql_nulls_not_distinct=True
        ),
    )
    op.create_index("ix_links_made_by", "links", ["made_by"])
    op.create_table(
        "views",
        sa.Column("view_id", sa.UUID(), nullable=False),
        sa.Column("user_id", sa.UUID(), nullable=False),
        sa.Column("list", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("filters", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.user_id"], name="fk_views_user_id_users", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("view_id", name="pk_views"),
        sa.UniqueConstraint("user_id", "list", "name", name="uq_views_user_id_list_name"),
    )


def downgrade() -> None:
    op.drop_table("views")
    op.drop_table("links")
