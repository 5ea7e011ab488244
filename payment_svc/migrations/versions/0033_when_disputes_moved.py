"""When a bank withdrew the money of a dispute, and gave it back: what books are closed by.

A trigger notes it for what the version before writes, which knows none of these columns. Of the three tables that are
told of money's times each has a migration of its own: whoever holds one of them and waits for another is not waited for.
"""

import sqlalchemy as sa
from alembic import op

revision = "0033"
down_revision = "0032"

TIME = sa.TIMESTAMP(timezone=True)
LOSS = """
CREATE FUNCTION note_loss() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.status = 'LOST' THEN
        IF NEW.withdraw_time IS NULL THEN
            NEW.withdraw_time := NEW.update_time;
            NEW.withdrawn_minor := NEW.amount_minor;
            NEW.in_refunds := NEW.provider = 'paypal';
        END IF;
        NEW.reinstate_time := NULL;
    ELSIF NEW.withdraw_time IS NOT NULL THEN
        NEW.reinstate_time := coalesce(NEW.reinstate_time, NEW.update_time);
    END IF;
    RETURN NEW;
END $$
"""
COLUMNS = ("withdrawn_minor", "withdraw_time", "reinstate_time", "in_refunds")


def upgrade() -> None:
    op.add_column("disputes", sa.Column("withdrawn_minor", sa.BigInteger(), server_default="0", nullable=False))
    op.add_column("disputes", sa.Column("withdraw_time", TIME))
    op.add_column("disputes", sa.Column("reinstate_time", TIME))
    op.add_column("disputes", sa.Column("in_refunds", sa.Boolean(), server_default="false", nullable=False))
    op.execute(LOSS)
    op.execute(
        "CREATE TRIGGER note_loss BEFORE INSERT OR UPDATE OF status ON disputes FOR EACH ROW"
        " WHEN (NEW.status IN ('LOST', 'WON', 'CLOSED')) EXECUTE FUNCTION note_loss()"
    )


def downgrade() -> None:
    op.execute("DROP TRIGGER note_loss ON disputes")
    op.execute("DROP FUNCTION note_loss")
    for column in COLUMNS[::-1]:
        op.drop_column("disputes", column)
