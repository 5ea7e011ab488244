"""The tables of the database `audit`."""

from __future__ import annotations

import sqlalchemy as sa

from mesh.storage.schema import NAMING, TIME

metadata = sa.MetaData(naming_convention=NAMING)

entries = sa.Table(
    "entries",
    metadata,
    # given by the writer, without gaps: one that is missing shows
    sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("time", TIME, nullable=False),
    sa.Column("request_id", sa.Text, nullable=False),
    sa.Column("trace_id", sa.Text, nullable=False),
    sa.Column("merchant_id", sa.Text, nullable=False),
    sa.Column("key_id", sa.Text, nullable=False),
    sa.Column("mode", sa.Text, nullable=False),
    sa.Column("method", sa.Text, nullable=False),
    sa.Column("path", sa.Text, nullable=False),
    sa.Column("rpc", sa.Text, nullable=False),
    sa.Column("http_status", sa.Integer, nullable=False),
    sa.Column("grpc_status", sa.Integer, nullable=False),
    sa.Column("flags", sa.Text, nullable=False),
    sa.Column("detail", sa.Text, nullable=False),
    sa.Column("duration_us", sa.BigInteger, nullable=False),
    sa.Column("client", sa.Text, nullable=False),
    sa.Column("idempotency_key", sa.Text, nullable=False),
    sa.Column("user_agent", sa.Text, nullable=False),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("prev_hash", sa.LargeBinary, nullable=False),
    sa.Column("hash", sa.LargeBinary, nullable=False),
    info={"privileges": "SELECT, INSERT"},
)
sa.Index("ix_entries_merchant", entries.c.merchant_id, entries.c.seq)
# entries lie in the order of their time, and are never changed
sa.Index("ix_entries_time", entries.c.time, postgresql_using="brin", postgresql_with={"autosummarize": True})
sa.Index("ix_entries_trace", entries.c.trace_id, postgresql_where=entries.c.merchant_id != "")

# where the oldest entries were taken out: by the owner of the tables, the service only reads it
cuts = sa.Table(
    "cuts",
    metadata,
    sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("hash", sa.LargeBinary, nullable=False),
    # of the file that the entries were written to
    sa.Column("archive_sha256", sa.LargeBinary, nullable=False),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("time", TIME, nullable=False, server_default=sa.func.now()),
    info={"privileges": "SELECT"},
)

# where the chain ends, so that rows cut off its end are missed
head = sa.Table(
    "head",
    metadata,
    sa.Column("the_one", sa.Boolean, sa.CheckConstraint("the_one", name="one_row"), primary_key=True),
    sa.Column("seq", sa.BigInteger, nullable=False),
    sa.Column("hash", sa.LargeBinary, nullable=False),
    info={"privileges": "SELECT, UPDATE"},
)

# how far each Envoy's spool has been taken over; moved in the transaction of the rows, so that each line comes in once
spools = sa.Table(
    "spools",
    metadata,
    sa.Column("spool", sa.Text, primary_key=True),
    # the digest of the file's first line: an inode's number would be used again
    sa.Column("file", sa.LargeBinary, nullable=False),
    sa.Column("position", sa.BigInteger, nullable=False),
    info={"privileges": "SELECT, INSERT, UPDATE"},
)
