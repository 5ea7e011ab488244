"""When a refund went back, and came back: what books are closed by. A trigger notes it for the version before."""

import sqlalchemy as sa
from alembic import op

revision = "0034"
down_revision = "0033"

TIME = sa.TIMESTAMP(timezone=True)
REFUND = """
CREATE FUNCTION note_refund() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.status = 'SUCCESS' THEN
        NEW.success_time := coalesce(NEW.success_time, NEW.update_time);
        NEW.reverse_time := NULL;
    ELSIF NEW.success_time IS NOT NULL THEN
        NEW.reverse_time := coalesce(NEW.reverse_time, NEW.update_time);
    END IF;
    RETURN NEW;
END $$
"""


def upgrade() -> None:
    op.add_column("refunds", sa.Column("success_time", TIME))
    op.add_column("refunds", sa.Column("reverse_time", TIME))
    op.execute(REFUND)
    op.execute(
        "CREATE TRIGGER note_refund BEFORE INSERT OR UPDATE OF status ON refunds FOR EACH ROW"
        " WHEN (NEW.status IN ('SUCCESS', 'FAILED')) EXECUTE FUNCTION note_refund()"
    )


def downgrade() -> None:
    op.execute("DROP TRIGGER note_refund ON refunds")
    op.execute("DROP FUNCTION note_refund")
    op.drop_column("refunds", "reverse_time")
    op.drop_column("refunds", "success_time")
