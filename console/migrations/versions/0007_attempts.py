"""Forms that a session has sent, so that none is taken twice. Expands only."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.create_table(
        "attempts",
        sa.Column("token_sha256", sa.LargeBinary(), nullable=False),
        sa.Column("form_sha256", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["token_sha256"],
            ["sessions.token_sha256"],
            name="fk_attempts_token_sha256_sessions",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("token_sha256", "form_sha256", name="pk_attempts"),
    )


def downgrade() -> None:
    op.drop_table("attempts")
