"""Whoever watches keys is notified of changes, and need not read to learn that there were none."""

from alembic import op

revision = "0003"
down_revision = "0002"

# the numbers say what has changed; several notifications of one transaction are one
TRIGGER = """
CREATE FUNCTION notify_api_key_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_notify('api_key_changes', '');
  RETURN NULL;
END $$;

CREATE TRIGGER notify_change AFTER INSERT OR UPDATE ON api_keys
  FOR EACH STATEMENT EXECUTE FUNCTION notify_api_key_change();
"""


def upgrade() -> None:
    op.execute(TRIGGER)


def downgrade() -> None:
    op.execute("DROP TRIGGER notify_change ON api_keys")
    op.execute("DROP FUNCTION notify_api_key_change")
