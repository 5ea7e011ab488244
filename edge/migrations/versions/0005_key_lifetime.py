"""How long a key was made to live, once it is replaced: its end is moved then."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.add_column("api_keys", sa.Column("lifetime", sa.Interval(), nullable=True))


def downgrade() -> None:
    op.drop_column("api_keys", "lifetime")
