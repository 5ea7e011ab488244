"""The tables of the database `payments`."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from mesh.storage.schema import NAMING, TIME, history, idempotency_keys, outbox, with_mesh_tables
from payment_svc.domain.dispute import DisputeStatus
from payment_svc.domain.operation import OperationKind, OperationStatus
from payment_svc.domain.payment import LIVE, PaymentStatus
from payment_svc.domain.refund import RefundStatus
from payment_svc.domain.review import Resolution, ReviewKind

metadata = sa.MetaData(naming_convention=NAMING)
with_mesh_tables(metadata, outbox, idempotency_keys, history)

STORED = [status for status in PaymentStatus if status != PaymentStatus.REQUIRES_ACTION]
_LIVE = ", ".join(repr(str(status)) for status in sorted(LIVE) if status in STORED)

payments = sa.Table(
    "payments",
    metadata,
    sa.Column("payment_id", sa.UUID, primary_key=True),
    sa.Column("merchant_id", sa.UUID, nullable=False),
    sa.Column("order_id", sa.UUID, nullable=False),
    sa.Column("provider", sa.Text, nullable=False),
    sa.Column("provider_reference", sa.Text, nullable=False),
    sa.Column("amount_minor", sa.BigInteger, nullable=False),
    sa.Column("currency", sa.Text, nullable=False),
    sa.Column("description", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("capture_method", sa.Text, nullable=False, server_default="AUTOMATIC"),
    sa.Column("captured_minor", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("refunded_minor", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("payment_method", sa.Text, nullable=False),
    sa.Column("return_url", sa.Text, nullable=False),
    sa.Column("redirect_url", sa.Text, nullable=False),
    # empty: the same as return_url
    sa.Column("cancel_url", sa.Text, nullable=False, server_default=""),
    sa.Column("failure", pg.JSONB),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("create_time", TIME, nullable=False),
    sa.Column("update_time", TIME, nullable=False),
    # read and written with their payment; a trigger keeps the table `attempts`
    sa.Column("attempts", pg.JSONB, nullable=False),
    sa.Column("route", pg.JSONB),
    sa.Column("capture_before", TIME),
    # of the key that it was made with: test, live, or empty for a call from inside the mesh
    sa.Column("mode", sa.Text, nullable=False, server_default=""),
    # the merchant's own account at the provider; null: the platform's
    sa.Column("account_id", sa.UUID),
    # who makes calls about it that move money, and until when, by the database's clock
    sa.Column("driver", sa.UUID),
    sa.Column("driving_until", TIME),
    # PROCESSING with this is REQUIRES_ACTION, which the version before does not know
    sa.Column("requires_action", sa.Boolean, nullable=False, server_default="false"),
    sa.Column("action", pg.JSONB),
    # its order was paid otherwise, cancelled or expired when the capture came
    sa.Column("surplus", sa.Boolean, nullable=False, server_default="false"),
    # its order was paid otherwise, or refused to it, while its provider may have been asked
    sa.Column("unwanted", sa.Boolean, nullable=False, server_default="false"),
    # when recovery asks the provider again, and how often it has; a trigger makes it null once the payment has ended
    sa.Column("next_check_time", TIME),
    sa.Column("checks", sa.Integer, nullable=False),
    # since when every look has failed; null: the last one was answered
    sa.Column("failing_since", TIME),
    # the merchant's own reference of the order
    sa.Column("merchant_order_id", sa.Text, nullable=False, server_default=""),
    sa.CheckConstraint("amount_minor > 0", name="amount_positive"),
    sa.CheckConstraint(f"status IN ({', '.join(repr(str(s)) for s in STORED)})", name="status_known"),
    sa.CheckConstraint("status <> 'SUCCESS' OR provider_reference <> ''", name="capture_has_reference"),
    sa.CheckConstraint("captured_minor BETWEEN 0 AND amount_minor", name="captured_within_amount"),
    sa.CheckConstraint("refunded_minor BETWEEN 0 AND captured_minor", name="refunded_within_captured"),
    sa.CheckConstraint(
        "status NOT IN ('SUCCESS', 'FAILED', 'CANCELLED') OR next_check_time IS NULL", name="ended_unscheduled"
    ),
)
# one live payment per order, whatever goes wrong above
sa.Index("uq_payments_live_order", payments.c.order_id, unique=True, postgresql_where=sa.text(f"status IN ({_LIVE})"))
sa.Index("ix_payments_order", payments.c.order_id, payments.c.payment_id)
# what an amount is looked for by is in it as well: of a month all are gone through to find that there is none
sa.Index(
    "ix_payments_merchant_amount",
    *(payments.c.merchant_id, payments.c.payment_id),
    postgresql_include=["amount_minor", "currency", "create_time"],
)
sa.Index("ix_payments_merchant_status", payments.c.merchant_id, payments.c.status, payments.c.payment_id)
sa.Index("ix_payments_merchant_provider", payments.c.merchant_id, payments.c.provider, payments.c.payment_id)
# lists of what has changed since
sa.Index("ix_payments_merchant_updated", payments.c.merchant_id, payments.c.update_time)
sa.Index(
    "ix_payments_reference",
    payments.c.provider,
    payments.c.provider_reference,
    postgresql_where=payments.c.provider_reference != "",
)
# rows lie in the order of their creation: what reconciliation reads of a day is told by where they lie
sa.Index(
    "ix_payments_created", payments.c.create_time, postgresql_using="brin", postgresql_with={"autosummarize": True}
)
sa.Index("ix_payments_next_check", payments.c.next_check_time, postgresql_where=payments.c.next_check_time.is_not(None))

attempts = sa.Table(
    "attempts",
    metadata,
    sa.Column("payment_id", sa.UUID, sa.ForeignKey(payments.c.payment_id), primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("provider", sa.Text, nullable=False),
    sa.Column("account_id", sa.UUID),
    sa.Column("provider_reference", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("failure", pg.JSONB),
    sa.Column("held_minor", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("surplus_minor", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("create_time", TIME, nullable=False),
    sa.Column("end_time", TIME),
    sa.CheckConstraint("status IN ('OPEN', 'SUCCEEDED', 'FAILED')", name="status_known"),
    sa.CheckConstraint("(status = 'OPEN') = (end_time IS NULL)", name="ended_once"),
    sa.CheckConstraint("held_minor >= 0 AND surplus_minor >= 0", name="amounts_known"),
)
# an object of a provider belongs to one payment, which a trigger holds
sa.Index(
    *("ix_attempts_reference", attempts.c.provider, attempts.c.provider_reference),
    postgresql_where=attempts.c.provider_reference != "",
)

operations = sa.Table(
    "operations",
    metadata,
    sa.Column("operation_id", sa.UUID, primary_key=True),
    sa.Column("payment_id", sa.UUID, sa.ForeignKey(payments.c.payment_id), nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("amount_minor", sa.BigInteger, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("sends", sa.Integer, nullable=False),
    sa.Column("requester", sa.Text, nullable=False),
    sa.Column("failure", pg.JSONB),
    sa.Column("create_time", TIME, nullable=False),
    sa.Column("update_time", TIME, nullable=False),
    # when it is asked again, as long as its answer is not known
    sa.Column("next_try_time", TIME),
    sa.CheckConstraint(f"kind IN ({', '.join(repr(str(k)) for k in OperationKind)})", name="kind_known"),
    sa.CheckConstraint(f"status IN ({', '.join(repr(str(s)) for s in OperationStatus)})", name="status_known"),
    sa.CheckConstraint("(status IN ('SENT', 'UNKNOWN')) = (next_try_time IS NOT NULL)", name="open_scheduled"),
    sa.CheckConstraint("sends >= 0", name="sent"),
)
# one thing at a time is asked about an attempt
sa.Index(
    "uq_operations_open",
    operations.c.payment_id,
    operations.c.attempt,
    unique=True,
    postgresql_where=sa.text("status IN ('SENT', 'UNKNOWN') AND kind != 'SETTLE'"),
)
sa.Index("ix_operations_payment", operations.c.payment_id)
sa.Index("ix_operations_next_try", operations.c.next_try_time, postgresql_where=operations.c.next_try_time.is_not(None))

reviews = sa.Table(
    "reviews",
    metadata,
    sa.Column("review_id", sa.UUID, primary_key=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("payment_id", sa.UUID, sa.ForeignKey(payments.c.payment_id), nullable=False),
    sa.Column("merchant_id", sa.UUID, nullable=False),
    sa.Column("order_id", sa.UUID, nullable=False),
    sa.Column("refund_id", sa.UUID),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("amount_minor", sa.BigInteger, nullable=False),
    sa.Column("currency", sa.Text, nullable=False),
    sa.Column("provider", sa.Text, nullable=False),
    sa.Column("provider_reference", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("create_time", TIME, nullable=False),
    sa.Column("resolution", sa.Text),
    sa.Column("resolved_by", sa.Text, nullable=False),
    sa.Column("why", sa.Text, nullable=False),
    sa.Column("confirmed_by", sa.Text, nullable=False),
    sa.Column("resolve_time", TIME),
    sa.Column("held", sa.Boolean),
    sa.CheckConstraint(f"kind IN ({', '.join(repr(str(k)) for k in ReviewKind)})", name="kind_known"),
    sa.CheckConstraint(f"resolution IN ({', '.join(repr(str(r)) for r in Resolution)})", name="resolution_known"),
    sa.CheckConstraint(
        "resolve_time IS NULL OR (resolution IS NOT NULL AND resolved_by <> '' AND why <> '')",
        name="resolved_with_reason",
    ),
)
sa.Index(
    "uq_reviews_open",
    *(reviews.c.payment_id, reviews.c.kind, reviews.c.attempt, reviews.c.provider_reference),
    unique=True,
    postgresql_where=reviews.c.resolve_time.is_(None),
)
sa.Index("ix_reviews_open", reviews.c.review_id, postgresql_where=reviews.c.resolve_time.is_(None))

# written by who restores this database from a backup
restores = sa.Table(
    "restores",
    metadata,
    sa.Column("restore_time", TIME, primary_key=True),
    # what was committed before is in it
    sa.Column("backup_time", TIME, nullable=False),
)

refunds = sa.Table(
    "refunds",
    metadata,
    sa.Column("refund_id", sa.UUID, primary_key=True),
    sa.Column("payment_id", sa.UUID, sa.ForeignKey(payments.c.payment_id), nullable=False),
    sa.Column("merchant_id", sa.UUID, nullable=False),
    sa.Column("order_id", sa.UUID, nullable=False),
    sa.Column("amount_minor", sa.BigInteger, nullable=False),
    sa.Column("currency", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("provider_reference", sa.Text, nullable=False),
    sa.Column("failure", pg.JSONB),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("create_time", TIME, nullable=False),
    sa.Column("update_time", TIME, nullable=False),
    sa.Column("next_check_time", TIME),
    sa.Column("checks", sa.Integer, nullable=False),
    # how often the provider was asked for it
    sa.Column("sends", sa.Integer, nullable=False, server_default="1"),
    # the attempt whose surplus it gives back
    sa.Column("attempt", sa.Integer),
    # whether the gateway owes it, and no merchant asked; null: stored by the version before, the reason tells
    sa.Column("is_owed", sa.Boolean),
    # the merchant's own reference of the order
    sa.Column("merchant_order_id", sa.Text, nullable=False, server_default=""),
    sa.CheckConstraint("amount_minor > 0", name="amount_positive"),
    sa.CheckConstraint(f"status IN ({', '.join(repr(str(s)) for s in RefundStatus)})", name="status_known"),
    sa.CheckConstraint("status NOT IN ('SUCCESS', 'FAILED') OR next_check_time IS NULL", name="ended_unscheduled"),
)
sa.Index("ix_refunds_merchant", refunds.c.merchant_id, refunds.c.refund_id)
sa.Index("ix_refunds_payment", refunds.c.payment_id, refunds.c.refund_id)
sa.Index("ix_refunds_reference", refunds.c.provider_reference, postgresql_where=refunds.c.provider_reference != "")
sa.Index("ix_refunds_next_check", refunds.c.next_check_time, postgresql_where=refunds.c.next_check_time.is_not(None))

disputes = sa.Table(
    "disputes",
    metadata,
    sa.Column("dispute_id", sa.UUID, primary_key=True),
    sa.Column("payment_id", sa.UUID, sa.ForeignKey(payments.c.payment_id), nullable=False),
    sa.Column("merchant_id", sa.UUID, nullable=False),
    sa.Column("order_id", sa.UUID, nullable=False),
    sa.Column("provider", sa.Text, nullable=False),
    sa.Column("provider_reference", sa.Text, nullable=False),
    sa.Column("amount_minor", sa.BigInteger, nullable=False),
    sa.Column("currency", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("respond_before", TIME),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("create_time", TIME, nullable=False),
    sa.Column("update_time", TIME, nullable=False),
    # the merchant's own reference of the order
    sa.Column("merchant_order_id", sa.Text, nullable=False, server_default=""),
    sa.CheckConstraint(f"status IN ({', '.join(repr(str(s)) for s in DisputeStatus)})", name="status_known"),
    # however many of its events come at once, a dispute is one
    sa.UniqueConstraint("provider", "provider_reference"),
)
sa.Index("ix_disputes_merchant", disputes.c.merchant_id, disputes.c.dispute_id)
sa.Index("ix_disputes_payment", disputes.c.payment_id, disputes.c.dispute_id)

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
