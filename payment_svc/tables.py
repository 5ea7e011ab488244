"""The tables of the database `payments`."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from mesh.storage.schema import NAMING, TIME, history, idempotency_keys, outbox, with_mesh_tables
from payment_svc.domain.dispute import DisputeStatus
from payment_svc.domain.payment import LIVE, PaymentStatus
from payment_svc.domain.refund import RefundStatus

metadata = sa.MetaData(naming_convention=NAMING)
with_mesh_tables(metadata, outbox, idempotency_keys, history)

_LIVE = ", ".join(repr(str(status)) for status in sorted(LIVE))

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
    sa.Column("failure", pg.JSONB),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("create_time", TIME, nullable=False),
    sa.Column("update_time", TIME, nullable=False),
    # a few at the most, only ever read and written with their payment
    sa.Column("attempts", pg.JSONB, nullable=False),
    sa.Column("route", pg.JSONB),
    sa.Column("capture_before", TIME),
    # of the key that it was made with: test, live, or empty for a call from inside the mesh
    sa.Column("mode", sa.Text, nullable=False, server_default=""),
    # the merchant's own account at the provider; null: the platform's
    sa.Column("account_id", sa.UUID),
    # when recovery asks the provider again, and how often it has; null once the payment is terminal
    sa.Column("next_check_time", TIME),
    sa.Column("checks", sa.Integer, nullable=False),
    sa.CheckConstraint("amount_minor > 0", name="amount_positive"),
    sa.CheckConstraint(f"status IN ({', '.join(repr(str(s)) for s in PaymentStatus)})", name="status_known"),
    sa.CheckConstraint("status <> 'SUCCESS' OR provider_reference <> ''", name="capture_has_reference"),
    sa.CheckConstraint("captured_minor BETWEEN 0 AND amount_minor", name="captured_within_amount"),
    sa.CheckConstraint("refunded_minor BETWEEN 0 AND captured_minor", name="refunded_within_captured"),
)
# one live payment per order, whatever goes wrong above
sa.Index("uq_payments_live_order", payments.c.order_id, unique=True, postgresql_where=sa.text(f"status IN ({_LIVE})"))
sa.Index("ix_payments_order", payments.c.order_id, payments.c.payment_id)
sa.Index("ix_payments_merchant", payments.c.merchant_id, payments.c.payment_id)
sa.Index("ix_payments_merchant_status", payments.c.merchant_id, payments.c.status, payments.c.payment_id)
sa.Index(
    "ix_payments_reference",
    payments.c.provider,
    payments.c.provider_reference,
    postgresql_where=payments.c.provider_reference != "",
)
sa.Index("ix_payments_created", payments.c.provider, payments.c.create_time)
sa.Index("ix_payments_next_check", payments.c.next_check_time, postgresql_where=payments.c.next_check_time.is_not(None))

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
    sa.CheckConstraint("amount_minor > 0", name="amount_positive"),
    sa.CheckConstraint(f"status IN ({', '.join(repr(str(s)) for s in RefundStatus)})", name="status_known"),
)
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
)
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
    sa.CheckConstraint("status IN ('PENDING', 'APPLIED', 'IGNORED', 'QUARANTINED', 'DEAD')", name="status_known"),
)
sa.Index(
    "ix_provider_events_due",
    provider_events.c.next_attempt_time,
    postgresql_where=provider_events.c.next_attempt_time.is_not(None),
)
