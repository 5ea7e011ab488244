"""When money was taken: what books are closed by. A trigger notes it for what the version before writes."""

import sqlalchemy as sa
from alembic import op

revision = "0035"
down_revision = "0034"

# what the attempts do not say is that it was now
CAPTURE = """
CREATE FUNCTION note_capture() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    attempt jsonb := NEW.attempts -> -1;
BEGIN
    NEW.capture_time := coalesce(
        attempt ->> 'capture_time', CASE WHEN NEW.capture_method = 'AUTOMATIC' THEN attempt ->> 'end_time' END
    )::timestamptz;
    IF NEW.capture_time IS NULL THEN
        NEW.capture_time := NEW.update_time;
        NEW.attempts := jsonb_set(NEW.attempts, '{-1,capture_time}', to_jsonb(NEW.update_time));
    END IF;
    RETURN NEW;
END $$
"""


def upgrade() -> None:
    op.add_column("payments", sa.Column("capture_time", sa.TIMESTAMP(timezone=True)))
    op.execute(CAPTURE)
    op.execute(
        "CREATE TRIGGER note_capture BEFORE INSERT OR UPDATE OF status ON payments FOR EACH ROW"
        " WHEN (NEW.status = 'SUCCESS' AND NEW.capture_time IS NULL) EXECUTE FUNCTION note_capture()"
    )


def downgrade() -> None:
    op.execute("DROP TRIGGER note_capture ON payments")
    op.execute("DROP FUNCTION note_capture")
    op.drop_column("payments", "capture_time")
