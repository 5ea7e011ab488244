"""Schedules and purges go by the database's clock."""

from alembic import op

revision = "0006"
down_revision = "0005"

# replicas' clocks differ; tests and simulations replace it
CLOCK = "CREATE FUNCTION db_now() RETURNS timestamptz LANGUAGE sql VOLATILE AS 'SELECT clock_timestamp()'"


def upgrade() -> None:
    op.execute(CLOCK)


def downgrade() -> None:
    op.execute("DROP FUNCTION db_now")
