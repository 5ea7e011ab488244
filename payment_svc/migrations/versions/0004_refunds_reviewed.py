"""A refund whose outcome cannot be learned is given to a person."""

from alembic import op

revision = "0004"
down_revision = "0003"

LEGAL_STEPS = (
    "PENDING>SUCCESS",
    "PENDING>FAILED",
    "PENDING>NEEDS_REVIEW",
    "NEEDS_REVIEW>SUCCESS",
    "NEEDS_REVIEW>FAILED",
    "SUCCESS>FAILED",
)
LEGAL_BEFORE = ("PENDING>SUCCESS", "PENDING>FAILED", "SUCCESS>FAILED")
GUARD = """
CREATE OR REPLACE FUNCTION guard_refunds() RETURNS trigger LANGUAGE plpgsql AS $$
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


def _allow(statuses: str, steps: tuple[str, ...]) -> None:
    op.drop_constraint(op.f("ck_refunds_status_known"), "refunds")
    op.create_check_constraint(op.f("ck_refunds_status_known"), "refunds", f"status IN ({statuses})")
    op.execute(GUARD.replace("STEPS", ", ".join(map(repr, steps))))


def upgrade() -> None:
    _allow("'PENDING', 'SUCCESS', 'FAILED', 'NEEDS_REVIEW'", LEGAL_STEPS)


def downgrade() -> None:
    op.execute("UPDATE refunds SET status = 'PENDING', version = version + 1 WHERE status = 'NEEDS_REVIEW'")
    _allow("'PENDING', 'SUCCESS', 'FAILED'", LEGAL_BEFORE)
