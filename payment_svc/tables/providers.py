"""Accounts at providers, the ways to them, and what was said to them and by them."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from mesh.storage.schema import TIME
from payment_svc.tables.base import metadata

provider_accounts = sa.Table(
    "provider_accounts",
    metadata,
    sa.Column("account_id", sa.UUID, primary_key=True),
    sa.Column("merchant_id", sa.UUID, nullable=False),
    sa.Column("provider", sa.Text, nullable=False),
    sa.Column("mode", sa.Text, nullable=False),
    sa.Column("credentials", pg.ARRAY(sa.Text), nullable=False),
    # the credentials, encrypted; and the key to them, encrypted with a key of the settings
    sa.Column("data_key", sa.LargeBinary, nullable=False),
    sa.Column("secret", sa.LargeBinary, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("create_time", TIME, nullable=False),
    sa.Column("update_time", TIME, nullable=False),
    sa.Column("delete_time", TIME),
    # the provider's own name of the account, and the version whose credentials told it: those that the version before
    # sets tell nothing. Null: not known
    sa.Column("identity", sa.Text),
    sa.Column("identity_version", sa.Integer),
)
sa.Index("ix_provider_accounts_merchant", provider_accounts.c.merchant_id, provider_accounts.c.provider)
# one in use for each merchant and provider; those that were taken out of use stay, for the payments made with them
sa.Index(
    "uq_provider_accounts_in_use",
    provider_accounts.c.merchant_id,
    provider_accounts.c.provider,
    unique=True,
    postgresql_where=sa.text("delete_time IS NULL"),
)

routing_policies = sa.Table(
    "routing_policies",
    metadata,
    sa.Column("merchant_id", sa.UUID, primary_key=True),
    sa.Column("rules", pg.JSONB, nullable=False),
    sa.Column("update_time", TIME, nullable=False),
)

# what a merchant's routing policies were: the newest of them, the one that holds included
routing_policy_versions = sa.Table(
    "routing_policy_versions",
    metadata,
    sa.Column("merchant_id", sa.UUID, primary_key=True),
    sa.Column("version_id", sa.UUID, primary_key=True),
    sa.Column("rules", pg.JSONB, nullable=False),
    sa.Column("create_time", TIME, nullable=False),
    sa.Column("trace_id", sa.Text, nullable=False),
)

# when operators took providers out of routing; one that is not ended is over when its time is
provider_maintenances = sa.Table(
    "provider_maintenances",
    metadata,
    sa.Column("maintenance_id", sa.UUID, primary_key=True),
    sa.Column("provider", sa.Text, nullable=False),
    sa.Column("operator", sa.Text, nullable=False),
    sa.Column("why", sa.Text, nullable=False),
    sa.Column("create_time", TIME, nullable=False),
    sa.Column("until_time", TIME, nullable=False),
    sa.Column("end_time", TIME),
    sa.Column("ended_by", sa.Text, nullable=False, server_default=""),
)
sa.Index(
    "ux_provider_maintenances_open",
    provider_maintenances.c.provider,
    unique=True,
    postgresql_where=provider_maintenances.c.end_time.is_(None),
)

# how far merchants have moved their test data on
test_clocks = sa.Table(
    "test_clocks",
    metadata,
    sa.Column("merchant_id", sa.UUID, primary_key=True),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("advanced", sa.Interval, nullable=False),
    sa.Column("update_time", TIME),
)

provider_events = sa.Table(
    "provider_events",
    metadata,
    sa.Column("provider", sa.Text, primary_key=True),
    # the merchant's own account that it came for, empty for the platform's: nobody can take another's event ids
    sa.Column("account", sa.Text, primary_key=True, server_default=""),
    sa.Column("event_id", sa.Text, primary_key=True),
    sa.Column("type", sa.Text, nullable=False),
    sa.Column("payload", sa.LargeBinary, nullable=False),
    sa.Column("trace_id", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("receive_time", TIME, nullable=False),
    sa.Column("next_attempt_time", TIME),
    # the span that received it; empty while no spans are made
    sa.Column("traceparent", sa.Text),
    sa.CheckConstraint("status IN ('PENDING', 'APPLIED', 'IGNORED', 'QUARANTINED', 'DEAD')", name="status_known"),
)
# the oldest are deleted first
sa.Index("ix_provider_events_receive_time", provider_events.c.receive_time)
# by whose turn it is
sa.Index(
    "ix_provider_events_turns",
    *(provider_events.c[name] for name in ("provider", "account", "next_attempt_time")),
    postgresql_where=provider_events.c.next_attempt_time.is_not(None),
)
sa.Index(
    "ix_provider_events_due",
    provider_events.c.next_attempt_time,
    postgresql_where=provider_events.c.next_attempt_time.is_not(None),
)

# what was said to providers, for who looks for what went wrong: written many at once, and deleted after a while
provider_calls = sa.Table(
    "provider_calls",
    metadata,
    # grows with the time
    sa.Column("call_id", sa.UUID, primary_key=True),
    sa.Column("payment_id", sa.UUID, nullable=False),
    sa.Column("time", TIME, nullable=False),
    sa.Column("provider", sa.Text, nullable=False),
    sa.Column("operation", sa.Text, nullable=False),
    sa.Column("method", sa.Text, nullable=False),
    sa.Column("path", sa.Text, nullable=False),
    sa.Column("status", sa.Integer, nullable=False),
    sa.Column("duration_us", sa.BigInteger, nullable=False),
    sa.Column("request_id", sa.Text, nullable=False),
    sa.Column("idempotency_key", sa.Text, nullable=False),
    sa.Column("error", sa.Text, nullable=False),
    sa.Column("trace_id", sa.Text, nullable=False),
    # request and answer, compressed: PostgreSQL compresses no row of this size
    sa.Column("bodies", sa.LargeBinary, nullable=False),
)
sa.Index("ix_provider_calls_payment", provider_calls.c.payment_id, provider_calls.c.call_id)
