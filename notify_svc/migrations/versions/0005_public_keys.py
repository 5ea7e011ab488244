"""Events may be signed with a private key, and verified with a public one."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.add_column("webhook_endpoints", sa.Column("public_key", sa.Text(), server_default="", nullable=False))


def downgrade() -> None:
    op.drop_column("webhook_endpoints", "public_key")
