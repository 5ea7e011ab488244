"""What happened before has its times too, from the timeline; and lists of refunds and disputes have their indexes."""

import sqlalchemy as sa

from mesh.storage.migrate import add_index, drop_index, fill

revision = "0036"
down_revision = "0035"

SAID = (
    "(SELECT {which}(time) FROM history WHERE history.order_id = {table}.order_id AND resource = '{kind}'"
    " AND resource_id = {key}::text AND history.status = '{status}')"
)
BEGUN = SAID.format(which="min", table="payments", kind="payment", key="payment_id", status="SUCCESS")
MADE = SAID.format(which="min", table="refunds", kind="refund", key="refund_id", status="SUCCESS")
FAILED = SAID.format(which="max", table="refunds", kind="refund", key="refund_id", status="FAILED")
LOST = SAID.format(which="min", table="disputes", kind="dispute", key="dispute_id", status="LOST")
TOLD = "(coalesce(attempts -> -1 ->> 'capture_time',\
 CASE WHEN capture_method = 'AUTOMATIC' THEN attempts -> -1 ->> 'end_time' END)::timestamptz)"
TAKEN = "payments.status = 'SUCCESS' AND capture_time IS NULL"

LISTS = {
    "refunds": ("refund_id", ("success", "reverse")),
    "disputes": ("dispute_id", ("withdraw", "reinstate")),
}
OPEN = "status IN ('NEEDS_RESPONSE', 'UNDER_REVIEW')"


def upgrade() -> None:
    fill("payments", "payment_id", f"capture_time = {TOLD}", f"{TAKEN} AND {TOLD} IS NOT NULL")
    # captured by hand, before attempts said when
    now = f"coalesce({BEGUN}, update_time)"
    said = f"attempts = jsonb_set(attempts, '{{-1,capture_time}}', to_jsonb({now}))"
    fill("payments", "payment_id", f"capture_time = {now}, {said}", TAKEN)
    fill(
        *("refunds", "refund_id"),
        f"success_time = coalesce({MADE}, update_time),"
        f" reverse_time = CASE WHEN status = 'FAILED' THEN coalesce({FAILED}, update_time) END",
        f"success_time IS NULL AND (status = 'SUCCESS' OR status = 'FAILED' AND {MADE} IS NOT NULL)",
    )
    fill(
        *("disputes", "dispute_id"),
        f"withdraw_time = coalesce({LOST}, update_time), withdrawn_minor = amount_minor,"
        " in_refunds = (provider = 'paypal')",
        "status = 'LOST' AND withdraw_time IS NULL",
    )
    taken = ["merchant_id", "capture_time", "payment_id"]
    add_index("ix_payments_merchant_captured", "payments", taken, postgresql_where=sa.text("capture_time IS NOT NULL"))
    for table, (key, times) in LISTS.items():
        add_index(f"ix_{table}_merchant_order", table, ["merchant_id", "order_id", key])
        add_index(f"ix_{table}_merchant_status", table, ["merchant_id", "status", key])
        add_index(f"ix_{table}_merchant_updated", table, ["merchant_id", "update_time"])
        for time in times:
            moved = sa.text(f"{time}_time IS NOT NULL")
            columns = ["merchant_id", f"{time}_time", key]
            add_index(f"ix_{table}_merchant_{time}", table, columns, postgresql_where=moved)
    add_index("ix_disputes_open", "disputes", ["status", "respond_before"], postgresql_where=sa.text(OPEN))


def downgrade() -> None:
    drop_index("ix_disputes_open", "disputes")
    for table, (_, times) in LISTS.items():
        for name in ("order", "status", "updated", *times):
            drop_index(f"ix_{table}_merchant_{name}", table)
    drop_index("ix_payments_merchant_captured", "payments")
