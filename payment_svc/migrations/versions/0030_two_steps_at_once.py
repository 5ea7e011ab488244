"""Two versions that follow from one answer are one change of the row: the version between is in the timeline alone."""

from alembic import op

revision = "0030"
down_revision = "0029"

STEPS = (
    *("INITIATED>CANCELLED", "INITIATED>FAILED", "INITIATED>PROCESSING"),
    *("PROCESSING>AUTHORIZED", "PROCESSING>CANCELLED", "PROCESSING>FAILED", "PROCESSING>NEEDS_REVIEW"),
    *("PROCESSING>SUCCESS", "AUTHORIZED>CANCELLED", "AUTHORIZED>FAILED", "AUTHORIZED>NEEDS_REVIEW"),
    *("AUTHORIZED>SUCCESS", "NEEDS_REVIEW>AUTHORIZED", "NEEDS_REVIEW>CANCELLED", "NEEDS_REVIEW>FAILED"),
    *("NEEDS_REVIEW>SUCCESS", "FAILED>SUCCESS", "CANCELLED>SUCCESS", "NEEDS_REVIEW>PROCESSING"),
)
GUARD = """
CREATE OR REPLACE FUNCTION guard_payments() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    before text := OLD.status;
BEGIN
    IF NEW.version = OLD.version + 2 AND OLD.status = 'INITIATED' THEN
        before = 'PROCESSING';
    ELSIF NEW.version <> OLD.version + 1 THEN
        RAISE check_violation USING MESSAGE = format('version %s cannot follow %s', NEW.version, OLD.version);
    END IF;
    IF NEW.status <> before AND before || '>' || NEW.status NOT IN (STEPS) THEN
        RAISE check_violation USING MESSAGE = format('status %s cannot follow %s', NEW.status, OLD.status);
    END IF;
    RETURN NEW;
END $$
"""
GUARD_BEFORE = """
CREATE OR REPLACE FUNCTION guard_payments() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.version <> OLD.version + 1 THEN
        RAISE check_violation USING MESSAGE = format('version %s cannot follow %s', NEW.version, OLD.version);
    END IF;
    IF NEW.status <> OLD.status AND OLD.status || '>' || NEW.status NOT IN (STEPS) THEN
        RAISE check_violation USING MESSAGE = format('status %s cannot follow %s', NEW.status, OLD.status);
    END IF;
    RETURN NEW;
END $$
"""


def upgrade() -> None:
    op.execute(_with_steps(GUARD))


def downgrade() -> None:
    op.execute(_with_steps(GUARD_BEFORE))


def _with_steps(guard: str) -> str:
    return guard.replace("STEPS", ", ".join(map(repr, STEPS)))
