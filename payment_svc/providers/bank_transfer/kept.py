"""What is kept of what is said to the bank and by it: never who pays, from which account, or the callback's token."""

from __future__ import annotations

from payment_svc.providers.kept import Kept, paths

_TRANSFER = (
    *("id", "status", "merchant_reference", "transfer_id", "amount", "amount_received", "amount_refunded", "currency"),
    *("created_at", "reason.code", "reason.message", "metadata.order_id"),
)

KEPT = Kept(
    fields=paths(*_TRANSFER),
    also=paths("code", "message", below=["error"]) | {"created_from", "created_to"},
    event_also=paths(
        "event_id", "type", "transfer_id", "merchant_reference", "refund_id", "refund_reference", "status", "time"
    ),
    request_id="x-request-id",
    idempotency_key="idempotency-key",
)
