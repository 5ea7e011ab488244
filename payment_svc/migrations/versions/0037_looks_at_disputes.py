"""Appeals follow decisions on the same dispute; open disputes are looked at although no event told of them."""

import sqlalchemy as sa
from alembic import op

from mesh.storage.migrate import add_index, drop_index

revision = "0037"
down_revision = "0036"

STEPS = (
    *("NEEDS_RESPONSE>UNDER_REVIEW", "NEEDS_RESPONSE>WON", "NEEDS_RESPONSE>LOST", "NEEDS_RESPONSE>CLOSED"),
    *("UNDER_REVIEW>NEEDS_RESPONSE", "UNDER_REVIEW>WON", "UNDER_REVIEW>LOST", "UNDER_REVIEW>CLOSED"),
    *("WON>LOST", "LOST>WON"),
    *("CLOSED>NEEDS_RESPONSE", "CLOSED>UNDER_REVIEW", "CLOSED>WON", "CLOSED>LOST"),
)
APPEALS = ("WON>NEEDS_RESPONSE", "WON>UNDER_REVIEW", "LOST>NEEDS_RESPONSE", "LOST>UNDER_REVIEW")
GUARD = """
CREATE OR REPLACE FUNCTION guard_disputes() RETURNS trigger LANGUAGE plpgsql AS $$
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
    op.execute(_with_steps((*STEPS, *APPEALS)))
    # a default that is set afterwards rewrites no table; the version before leaves the time to it
    op.execute("ALTER TABLE disputes ADD COLUMN IF NOT EXISTS next_check_time timestamptz")
    op.alter_column("disputes", "next_check_time", server_default=sa.text("now() + interval '1 day'"))
    # not all at the same moment
    op.execute(
        "UPDATE disputes SET next_check_time = now() + random() * interval '1 day'"
        " WHERE next_check_time IS NULL AND status IN ('NEEDS_RESPONSE', 'UNDER_REVIEW')"
    )
    add_index(
        *("ix_disputes_next_check", "disputes", ["next_check_time"]),
        postgresql_where=sa.text("next_check_time IS NOT NULL"),
    )


def downgrade() -> None:
    drop_index("ix_disputes_next_check", "disputes")
    op.drop_column("disputes", "next_check_time")
    op.execute(_with_steps(STEPS))


def _with_steps(steps: tuple[str, ...]) -> str:
    return GUARD.replace("STEPS", ", ".join(map(repr, steps)))
