"""The owner may take the oldest entries out, once the place where the chain is cut is noted for ever."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

GUARD = """
CREATE FUNCTION guard_deletion() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.seq <= (SELECT max(seq) FROM cuts) THEN
        RETURN OLD;
    END IF;
    RAISE insufficient_privilege USING MESSAGE = 'the audit is only ever added to';
END $$;
DROP TRIGGER guard_entries ON entries;
CREATE TRIGGER guard_entries BEFORE UPDATE OR TRUNCATE ON entries
    FOR EACH STATEMENT EXECUTE FUNCTION guard_entries();
CREATE TRIGGER guard_deletion BEFORE DELETE ON entries FOR EACH ROW EXECUTE FUNCTION guard_deletion();
CREATE TRIGGER guard_cuts BEFORE UPDATE OR DELETE OR TRUNCATE ON cuts
    FOR EACH STATEMENT EXECUTE FUNCTION guard_entries();
"""
BACK = """
DROP TRIGGER guard_deletion ON entries;
DROP FUNCTION guard_deletion;
DROP TRIGGER guard_entries ON entries;
CREATE TRIGGER guard_entries BEFORE UPDATE OR DELETE OR TRUNCATE ON entries
    FOR EACH STATEMENT EXECUTE FUNCTION guard_entries();
"""


def upgrade() -> None:
    op.create_table(
        "cuts",
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("archive_sha256", sa.LargeBinary(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("time", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_cuts"),
    )
    op.execute(GUARD)


def downgrade() -> None:
    op.execute(BACK)
    op.drop_table("cuts")
