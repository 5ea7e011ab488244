"""When money was taken, went back, came back, was withdrawn by a bank and given back: what books are closed by.

Triggers note it for what the version before writes, which knows none of these columns.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0033"
down_revision = "0032"

TIME = sa.TIMESTAMP(timezone=True)
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
LOSS = """
CREATE FUNCTION note_loss() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.withdraw_time := NEW.update_time;
    NEW.withdrawn_minor := NEW.amount_minor;
    NEW.in_refunds := NEW.provider = 'paypal';
    RETURN NEW;
END $$
"""
TRIGGERS = (
    ("note_capture", "payments", CAPTURE, "NEW.status = 'SUCCESS' AND NEW.capture_time IS NULL"),
    ("note_refund", "refunds", REFUND, "NEW.status IN ('SUCCESS', 'FAILED')"),
    ("note_loss", "disputes", LOSS, "NEW.status = 'LOST' AND NEW.withdraw_time IS NULL"),
)


def columns() -> list[tuple[str, sa.Column[Any]]]:
    return [
        ("payments", sa.Column("capture_time", TIME)),
        ("refunds", sa.Column("success_time", TIME)),
        ("refunds", sa.Column("reverse_time", TIME)),
        ("disputes", sa.Column("withdrawn_minor", sa.BigInteger(), server_default="0", nullable=False)),
        ("disputes", sa.Column("withdraw_time", TIME)),
        ("disputes", sa.Column("reinstate_time", TIME)),
        ("disputes", sa.Column("in_refunds", sa.Boolean(), server_default="false", nullable=False)),
    ]


def upgrade() -> None:
    for table, column in columns():
        op.add_column(table, column)
    for name, table, function, when in TRIGGERS:
        op.execute(function)
        op.execute(
            f"CREATE TRIGGER {name} BEFORE INSERT OR UPDATE OF status ON {table} FOR EACH ROW"
            f" WHEN ({when}) EXECUTE FUNCTION {name}()"
        )


def downgrade() -> None:
    for name, table, _, _ in TRIGGERS:
        op.execute(f"DROP TRIGGER {name} ON {table}")
        op.execute(f"DROP FUNCTION {name}")
    for table, column in columns()[::-1]:
        op.drop_column(table, column.name)
