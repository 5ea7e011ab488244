"""The tables that the service starts with, and the trigger that lets the audit only grow."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

TEXTS = (
    "request_id",
    "trace_id",
    "merchant_id",
    "key_id",
    "mode",
    "method",
    "path",
    "rpc",
)
GUARD = """
CREATE FUNCTION guard_entries() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE insufficient_privilege USING MESSAGE = 'the audit is only ever added to';
END $$;
CREATE TRIGGER guard_entries BEFORE UPDATE OR DELETE OR TRUNCATE ON entries
    FOR EACH STATEMENT EXECUTE FUNCTION guard_entries();
"""


def upgrade() -> None:
    op.create_table(
        "entries",
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("time", sa.DateTime(timezone=True), nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in TEXTS),
        sa.Column("http_status", sa.Integer(), nullable=False),
        sa.Column("grpc_status", sa.Integer(), nullable=False),
        sa.Column("flags", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("duration_us", sa.BigInteger(), nullable=False),
        sa.Column("client", sa.Text(), nullable=False),
        sa.Column("idempotency_key", sa.Text(), nullable=False),
        sa.Column("user_agent", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("prev_hash", sa.LargeBinary(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_entries"),
    )
    op.create_index("ix_entries_merchant", "entries", ["merchant_id", "seq"])
    op.create_index("ix_entries_time", "entries", ["time"])
    op.create_table(
        "head",
        sa.Column("the_one", sa.Boolean(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("the_one", name=op.f("ck_head_one_row")),
        sa.PrimaryKeyConstraint("the_one", name="pk_head"),
    )
    op.execute("INSERT INTO head VALUES (true, 0, decode(repeat('00', 32), 'hex'))")
    op.create_table(
        "spools",
        sa.Column("spool", sa.Text(), nullable=False),
        sa.Column("file", sa.LargeBinary(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("spool", name="pk_spools"),
    )
    op.execute(GUARD)


def downgrade() -> None:
    op.drop_table("spools")
    op.drop_table("head")
    op.drop_table("entries")
    op.execute("DROP FUNCTION guard_entries")
