"""Whose each session's API key was, also when the session is over. Expands only."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.create_table(
        "session_keys",
        sa.Column("api_key_id", sa.UUID(), nullable=False),
        sa.Column("user_id", sa.UUID(), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.user_id"], name="fk_session_keys_user_id_users", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("api_key_id", name="pk_session_keys"),
    )
    op.create_index("ix_session_keys_user", "session_keys", ["user_id"])


def downgrade() -> None:
    op.drop_table("session_keys")
