"""What is kept of what is said to Stripe and by it.

Of its objects how they stand and our own ids; never `client_secret`, `payment_method_details`, `billing_details`,
`customer_details`, `receipt_email`, `description` or an address to come back to, into which merchants put what they
like.
"""

from __future__ import annotations

from payment_svc.providers.kept import Kept, paths

_ERROR = ("type", "code", "decline_code", "message", "param", "payment_intent", "charge", "request_log_url")
_OBJECT = (
    *("id", "object", "status", "expires_at", "mode", "payment_status"),
    *("amount", "amount_received", "amount_capturable", "amount_to_capture", "amount_captured", "amount_refunded"),
    *("currency", "capture_method", "confirm", "payment_method", "payment_intent", "latest_charge", "charge"),
    *("cancellation_reason", "reason", "failure_reason", "failure_code", "paid", "captured", "refunded", "disputed"),
)

KEPT = Kept(
    fields=paths(*_OBJECT)
    | paths("type", "code", "decline_code", "message", "param", below=["last_payment_error"])
    | paths("type", "reason", "network_status", below=["outcome"])
    | {"metadata.refund_id", "next_action.type", "evidence_details.due_by"},
    within=("", "payment_intent", "error.payment_intent"),
    also=paths(*_ERROR, below=["error"])
    | paths("currency", "unit_amount", below=["line_items.price_data"])
    | {"payment_intent_data.capture_method", "automatic_payment_methods.allow_redirects", "expand"}
    | {"created.gte", "created.lt", "limit", "starting_after", "has_more"},
    event_within=("data.object",),
    event_also=paths("id", "type", "livemode", "created", "api_version")
    | {"related_object.id", "related_object.type", "request.id"},
    request_id="request-id",
    idempotency_key="idempotency-key",
)
