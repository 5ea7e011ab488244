"""What is kept of what is said to PayPal and by it.

Of its objects how they stand and our own ids; never who pays (`payer`, `payment_source`, `shipping`), a description, an
address to come back to, or an access token.
"""

from __future__ import annotations

from payment_svc.providers.kept import Kept, paths

_MONEY = ("value", "currency_code")
_PAYMENTS = tuple(f"purchase_units.payments.{kind}" for kind in ("captures", "authorizations", "refunds"))
_PLACES = ("", "purchase_units", *_PAYMENTS)

KEPT = Kept(
    fields=paths("id", "status", "intent", "custom_id", "create_time", "final_capture")
    | paths(*_MONEY, below=["amount"])
    | {"status_details.reason", "processor_response.response_code"},
    within=_PLACES,
    also=paths("name", "message", "debug_id", "error", "error_description", "grant_type", "expires_in")
    | paths("issue", "description", "field", below=["details"])
    | paths("user_action", "shipping_preference", below=["application_context"])
    | {"start_date", "end_date", "page", "page_size", "total_items"},
    event_within=tuple(f"resource.{place}".rstrip(".") for place in _PLACES),
    event_also=paths("id", "event_type", "resource_type", "create_time")
    | paths("dispute_id", "reason", "dispute_life_cycle_stage", "seller_response_due_date", below=["resource"])
    | paths(*_MONEY, below=["resource.dispute_amount"])
    | {"resource.dispute_outcome.outcome_code", "resource.disputed_transactions.seller_transaction_id"},
    request_id="paypal-debug-id",
    idempotency_key="paypal-request-id",
)
