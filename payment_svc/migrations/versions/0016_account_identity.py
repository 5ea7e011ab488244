"""Whose account a merchant's own is, in its provider's own name. Expands only."""

import sqlalchemy as sa
from alembic import op

from mesh.storage.migrate import add_index

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    op.add_column("provider_accounts", sa.Column("identity", sa.Text(), nullable=True), if_not_exists=True)
    op.add_column("provider_accounts", sa.Column("identity_version", sa.Integer(), nullable=True), if_not_exists=True)
    add_index("ix_provider_accounts_merchant", "provider_accounts", ["merchant_id", "provider"])


def downgrade() -> None:
    op.drop_index("ix_provider_accounts_merchant", "provider_accounts")
    op.drop_column("provider_accounts", "identity_version")
    op.drop_column("provider_accounts", "identity")
