"""Events have a position in the log, in the order in which they were committed."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

# Positions are taken under a lock that is held to the end of the transaction, so that they become visible in their
# order: who has seen one has seen all below it. A trigger takes it, before the statement takes its positions: also for
# the version before, which goes on inserting during a rolling update and knows nothing of them.
POSITIONS = """
ALTER TABLE events ADD COLUMN position bigint;

UPDATE events SET position = numbered.position
  FROM (SELECT event_id, row_number() OVER (ORDER BY event_id) AS position FROM events) AS numbered
  WHERE numbered.event_id = events.event_id;

ALTER TABLE events ALTER COLUMN position SET NOT NULL;
ALTER TABLE events ALTER COLUMN position ADD GENERATED ALWAYS AS IDENTITY;
SELECT setval(pg_get_serial_sequence('events', 'position'), (SELECT coalesce(max(position), 0) + 1 FROM events), false);

CREATE FUNCTION order_events() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_advisory_xact_lock(hashtext('fusionxpay-event-positions'));
  RETURN NULL;
END $$;

CREATE TRIGGER order_events BEFORE INSERT ON events
  FOR EACH STATEMENT EXECUTE FUNCTION order_events();
"""


def upgrade() -> None:
    op.execute(sa.text(POSITIONS))
    op.create_index("ix_events_position", "events", ["position"], unique=True)
    op.create_index("ix_events_stream", "events", ["merchant_id", "position"])
    op.create_index("ix_events_time", "events", ["merchant_id", "create_time"])


def downgrade() -> None:
    for name in ("ix_events_time", "ix_events_stream", "ix_events_position"):
        op.drop_index(name, table_name="events")
    op.execute("DROP TRIGGER order_events ON events")
    op.execute("DROP FUNCTION order_events()")
    op.drop_column("events", "position")
