"""Money that goes back: refunds, and disputes, in which banks ask for it."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from mesh.storage.schema import TIME
from payment_svc.domain.dispute import DECIDED, DisputeStatus
from payment_svc.domain.refund import RefundStatus
from payment_svc.tables.base import metadata
from payment_svc.tables.payments import payments


def _index_lists(table: sa.Table, id_name: str, *times: str) -> None:
    """Index what a merchant's lists choose by; times at which money moves few rows have."""
    name, merchant, key = table.name, table.c.merchant_id, table.c[id_name]
    sa.Index(f"ix_{name}_merchant_order", merchant, table.c.order_id, key)
    sa.Index(f"ix_{name}_merchant_status", merchant, table.c.status, key)
    sa.Index(f"ix_{name}_merchant_updated", merchant, table.c.update_time)
    for time in times:
        moved = table.c[f"{time}_time"]
        sa.Index(f"ix_{name}_merchant_{time}", merchant, moved, key, postgresql_where=moved.is_not(None))


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
    # since when the provider may know of it, where that is later than since it was made
    sa.Column("send_time", TIME),
    # since when nobody could be asked about it; null: the last look was answered
    sa.Column("failing_since", TIME),
    # the attempt whose surplus it gives back
    sa.Column("attempt", sa.Integer),
    # whether the gateway owes it, and no merchant asked; null: stored by the version before, the reason tells
    sa.Column("is_owed", sa.Boolean),
    # the merchant's own reference of the order
    sa.Column("merchant_order_id", sa.Text, nullable=False, server_default=""),
    # when the money went back, and when it came back after that; a trigger notes it for the version before
    sa.Column("success_time", TIME),
    sa.Column("reverse_time", TIME),
    sa.CheckConstraint("amount_minor > 0", name="amount_positive"),
    sa.CheckConstraint(f"status IN ({', '.join(repr(str(s)) for s in RefundStatus)})", name="status_known"),
    sa.CheckConstraint("status NOT IN ('SUCCESS', 'FAILED') OR next_check_time IS NULL", name="ended_unscheduled"),
)
sa.Index("ix_refunds_merchant", refunds.c.merchant_id, refunds.c.refund_id)
sa.Index("ix_refunds_payment", refunds.c.payment_id, refunds.c.refund_id)
sa.Index("ix_refunds_reference", refunds.c.provider_reference, postgresql_where=refunds.c.provider_reference != "")
_index_lists(refunds, "refund_id", "success", "reverse")
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
    # what the provider took for it, and when it took and gave that back; a trigger notes it for the version before
    sa.Column("withdrawn_minor", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("withdraw_time", TIME),
    sa.Column("reinstate_time", TIME),
    # whether what was taken is a refund of the payment as well
    sa.Column("in_refunds", sa.Boolean, nullable=False, server_default="false"),
    # when it is looked at although no event told of it; the version before leaves that to the default
    sa.Column("next_check_time", TIME, server_default=sa.text("now() + interval '1 day'")),
    sa.CheckConstraint(f"status IN ({', '.join(repr(str(s)) for s in DisputeStatus)})", name="status_known"),
    # however many of its events come at once, a dispute is one
    sa.UniqueConstraint("provider", "provider_reference"),
)
sa.Index("ix_disputes_merchant", disputes.c.merchant_id, disputes.c.dispute_id)
sa.Index("ix_disputes_payment", disputes.c.payment_id, disputes.c.dispute_id)
_index_lists(disputes, "dispute_id", "withdraw", "reinstate")
_UNDECIDED = ", ".join(repr(str(status)) for status in sorted(frozenset(DisputeStatus) - DECIDED))
# what is counted all the time
sa.Index(
    "ix_disputes_open",
    *(disputes.c.status, disputes.c.respond_before),
    postgresql_where=sa.text(f"status IN ({_UNDECIDED})"),
)
sa.Index("ix_disputes_next_check", disputes.c.next_check_time, postgresql_where=disputes.c.next_check_time.is_not(None))
