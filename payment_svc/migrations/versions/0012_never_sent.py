"""What was never sent is told from what may have been.

An operation may be stored before it is asked (`sends` is 0). A payment that its order has no use for is known as such.
"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def _sends(least: int) -> None:
    op.drop_constraint(op.f("ck_operations_sent"), "operations")
    # what is there fits, so nobody has to wait until all of it was read
    op.execute(f"ALTER TABLE operations ADD CONSTRAINT ck_operations_sent CHECK (sends >= {least}) NOT VALID")


def upgrade() -> None:
    _sends(0)
    op.add_column("payments", sa.Column("unwanted", sa.Boolean(), server_default="false", nullable=False))


def downgrade() -> None:
    op.execute("UPDATE operations SET sends = 1 WHERE sends = 0")
    _sends(1)
    op.drop_column("payments", "unwanted")
