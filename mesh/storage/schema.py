"""Tables that every service keeps beside its own, and how constraints are named."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}
TIME = sa.DateTime(timezone=True)

MAKE_CLOCK = (
    "CREATE OR REPLACE FUNCTION db_now() RETURNS timestamptz LANGUAGE sql VOLATILE AS 'SELECT clock_timestamp()'"
)
"""The clock that leases, schedules and purges go by, as those of replicas differ. Tests and simulations replace it."""
NOW = sa.select(sa.func.db_now(type_=TIME)).scalar_subquery()
"""The present by that clock, read once a statement: an index can be looked into by it."""

mesh_metadata = sa.MetaData(naming_convention=NAMING)
"""The tables below; a service copies those it needs into its own metadata with `with_mesh_tables`."""

outbox = sa.Table(
    "outbox",
    mesh_metadata,
    sa.Column("seq", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column("event_id", sa.UUID, nullable=False),
    sa.Column("aggregate_id", sa.UUID, nullable=False),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("payload", sa.LargeBinary, nullable=False),
    sa.Column("create_time", TIME, nullable=False),
    sa.Column("publish_time", TIME),
    sa.Column("stream_seq", sa.BigInteger),
    # how often it was asked to be published again
    sa.Column("repeats", sa.Integer, nullable=False, server_default="0"),
)
# the relay walks the backlog by seq, and asks of each row whether an older one of its resource is waiting
sa.Index("ix_outbox_backlog", outbox.c.seq, postgresql_where=outbox.c.publish_time.is_(None))
# what was set aside is counted, of all that was published within a week
sa.Index(
    "ix_outbox_aside",
    outbox.c.seq,
    postgresql_where=sa.and_(outbox.c.publish_time.is_not(None), outbox.c.stream_seq.is_(None)),
)
sa.Index(
    "ix_outbox_aggregate",
    outbox.c.aggregate_id,
    outbox.c.seq,
    postgresql_where=outbox.c.publish_time.is_(None),
)

inbox = sa.Table(
    "inbox",
    mesh_metadata,
    sa.Column("consumer", sa.Text, primary_key=True),
    sa.Column("event_id", sa.UUID, primary_key=True),
    sa.Column("receive_time", TIME, nullable=False, server_default=sa.func.now()),
)

dead_letters = sa.Table(
    "dead_letters",
    mesh_metadata,
    sa.Column("dead_letter_id", sa.UUID, primary_key=True),
    sa.Column("consumer", sa.Text, nullable=False),
    sa.Column("event_id", sa.Text, nullable=False),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("payload", sa.LargeBinary, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("deliveries", sa.Integer, nullable=False),
    sa.Column("create_time", TIME, nullable=False, server_default=sa.func.now()),
    sa.Column("replay_time", TIME),
    # the defaults stay: during a rolling update the version before still writes rows without them
    sa.Column("state", sa.Text, nullable=False, server_default="OPEN"),
    sa.Column("failed_replays", sa.Integer, nullable=False, server_default="0"),
    sa.Column("drop_time", TIME),
    sa.Column("closed_by", sa.Text, nullable=False, server_default=""),
    sa.Column("forged", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.UniqueConstraint("consumer", "event_id"),
    sa.CheckConstraint("state IN ('OPEN', 'REPLAYED', 'DROPPED')", name="state_known"),
)
# what is open is counted again and again, however many letters are kept
sa.Index(
    "ix_dead_letters_open",
    dead_letters.c.consumer,
    dead_letters.c.create_time,
    postgresql_where=dead_letters.c.state == "OPEN",
)

idempotency_keys = sa.Table(
    "idempotency_keys",
    mesh_metadata,
    sa.Column("merchant_id", sa.UUID, primary_key=True),
    sa.Column("method", sa.Text, primary_key=True),
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("fingerprint", sa.LargeBinary, nullable=False),
    sa.Column("resource_id", sa.UUID, nullable=False),
    sa.Column("response", sa.LargeBinary),
    sa.Column("create_time", TIME, nullable=False),
    sa.Column("lease_time", TIME),
)
sa.Index("ix_idempotency_keys_create_time", idempotency_keys.c.create_time)

history = sa.Table(
    "history",
    mesh_metadata,
    sa.Column("seq", sa.BigInteger, sa.Identity(always=True), nullable=False),
    sa.Column("order_id", sa.UUID, nullable=False),
    sa.Column("resource", sa.Text, nullable=False),
    sa.Column("resource_id", sa.Text, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("detail", sa.Text, nullable=False),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("cause", sa.Text, nullable=False),
    sa.Column("trace_id", sa.Text, nullable=False),
    sa.Column("time", TIME, nullable=False),
    # it is read by order alone: of two indexes each entry would write one that nobody reads
    sa.PrimaryKeyConstraint("order_id", "seq"),
)


def with_mesh_tables(metadata: sa.MetaData, *tables: sa.Table) -> None:
    """Make the named mesh tables part of a service's own schema."""
    for table in tables:
        table.to_metadata(metadata)
    _with_clock(metadata)


def _with_clock(metadata: sa.MetaData) -> None:
    """Have the clock made where the tables are made without migrations, as tests do."""
    sa.event.listen(metadata, "before_create", sa.DDL(MAKE_CLOCK))  # type: ignore[no-untyped-call]


def json_column(name: str) -> sa.Column[dict[str, str]]:
    """A column of string pairs, never null."""
    return sa.Column(name, pg.JSONB, nullable=False)


_with_clock(mesh_metadata)
