"""Payments, their attempts, and what their providers are asked to do about them."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from mesh.storage.schema import TIME
from payment_svc.domain.operation import OperationKind, OperationStatus
from payment_svc.domain.payment import LIVE, PaymentStatus
from payment_svc.tables.base import metadata

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
    # when its money was taken, as its attempts say: a trigger keeps it, whichever version writes
    sa.Column("capture_time", TIME),
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
# of what was taken in a span it answers by itself
sa.Index(
    "ix_payments_merchant_captured",
    *(payments.c.merchant_id, payments.c.capture_time, payments.c.payment_id),
    postgresql_where=payments.c.capture_time.is_not(None),
)
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
    # mirrored, as all of an attempt is, for the check below and for whoever looks: no statement of ours reads them
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
