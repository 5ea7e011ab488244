"""Dead letters can be replayed or dropped, and events published again."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.add_column("dead_letters", sa.Column("state", sa.Text(), server_default="OPEN", nullable=False))
    op.add_column("dead_letters", sa.Column("failed_replays", sa.Integer(), server_default="0", nullable=False))
    op.add_column("dead_letters", sa.Column("drop_time", sa.DateTime(timezone=True), nullable=True))
    op.add_column("dead_letters", sa.Column("closed_by", sa.Text(), server_default="", nullable=False))
    op.create_check_constraint(
        op.f("ck_dead_letters_state_known"), "dead_letters", "state IN ('OPEN', 'REPLAYED', 'DROPPED')"
    )
    op.create_index(
        "ix_dead_letters_open",
        "dead_letters",
        ["consumer", "create_time"],
        postgresql_where=sa.text("state = 'OPEN'"),
    )
    op.add_column("outbox", sa.Column("repeats", sa.Integer(), server_default="0", nullable=False))


def downgrade() -> None:
    op.drop_column("outbox", "repeats")
    op.drop_index("ix_dead_letters_open", table_name="dead_letters")
    op.drop_constraint(op.f("ck_dead_letters_state_known"), "dead_letters")
    for name in ("closed_by", "drop_time", "failed_replays", "state"):
        op.drop_column("dead_letters", name)
