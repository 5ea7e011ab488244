"""Attempts know what was sent again meanwhile; schedules by the database's clock; nothing waits for who gets nothing."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

# replicas' clocks differ; tests and simulations replace it
CLOCK = "CREATE FUNCTION db_now() RETURNS timestamptz LANGUAGE sql VOLATILE AS 'SELECT clock_timestamp()'"

# what was put on its way while an endpoint was disabled or deleted: it would be sent whenever it is enabled again
CANCEL = """
UPDATE deliveries SET status = 'CANCELLED', next_attempt_time = NULL
  FROM webhook_endpoints AS e
  WHERE e.endpoint_id = deliveries.endpoint_id AND deliveries.status = 'PENDING' AND NOT e.enabled
"""


def upgrade() -> None:
    op.execute(CLOCK)
    op.add_column("deliveries", sa.Column("resends", sa.Integer(), server_default="0", nullable=False))
    op.execute(CANCEL)


def downgrade() -> None:
    op.drop_column("deliveries", "resends")
    op.execute("DROP FUNCTION db_now")
