"""A capture settles an order that knows nothing of its payment: this database may have been restored."""

from alembic import op

revision = "0012"
down_revision = "0011"

LEGAL_STEPS = (
    "NEW>PROCESSING",
    "NEW>CANCELLED",
    "NEW>EXPIRED",
    "PROCESSING>SUCCESS",
    "PROCESSING>FAILED",
    "FAILED>PROCESSING",
    "FAILED>SUCCESS",
    "FAILED>EXPIRED",
    "SUCCESS>PARTIALLY_REFUNDED",
    "SUCCESS>REFUNDED",
    "PARTIALLY_REFUNDED>REFUNDED",
    "PARTIALLY_REFUNDED>SUCCESS",
    "REFUNDED>PARTIALLY_REFUNDED",
    "REFUNDED>SUCCESS",
)
GUARD = """
CREATE OR REPLACE FUNCTION guard_orders() RETURNS trigger LANGUAGE plpgsql AS $$
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


def _allow(*steps: str) -> None:
    op.execute(GUARD.replace("STEPS", ", ".join(map(repr, steps))))


def upgrade() -> None:
    _allow(*LEGAL_STEPS, "NEW>SUCCESS")


def downgrade() -> None:
    _allow(*LEGAL_STEPS)
