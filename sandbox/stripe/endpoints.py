"""The table of endpoints: what exists, its operation name for faults, and the parameters it knows."""

from collections.abc import Callable
from dataclasses import dataclass

from sandbox.store.documents import JSON
from sandbox.stripe import lists
from sandbox.stripe.account import Account
from sandbox.stripe.params import Call
from sandbox.stripe.resources import accounts, checkout, confirmation_tokens, payment_intents, payment_methods, refunds

Handler = Callable[[Account, Call], JSON]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One method of one URL; `operation` is what faults are aimed at."""

    method: str
    path: str
    operation: str
    handler: Handler
    parameters: frozenset[str]


def _endpoint(method: str, path: str, operation: str, handler: Handler, parameters: str = "") -> Endpoint:
    known = frozenset(["expand", *parameters.split()])
    return Endpoint(method, f"/v1/{path}", operation, handler, known)


def _retriever(kind: str) -> Handler:
    return lambda account, call: account.load(kind, call.id).body


def _lister(kind: str, *filters: str) -> Handler:
    return lambda account, call: lists.listing(account, call, kind, filters)


def _create_payment_method(account: Account, call: Call) -> JSON:
    return payment_methods.create(account, call.params).body


_PAGE = "limit starting_after created "
_METHOD = "payment_method payment_method_data payment_method_options "
_CONFIRM = (
    _METHOD + "confirmation_token return_url off_session error_on_requires_action use_stripe_sdk mandate mandate_data"
    " receipt_email setup_future_usage shipping radar_options payment_method_types capture_method "
)
_INTENT = (
    _CONFIRM + "amount currency metadata description customer statement_descriptor transfer_group"
    " statement_descriptor_suffix automatic_payment_methods "
)
_SESSION = (
    "mode line_items success_url cancel_url client_reference_id metadata payment_intent_data expires_at"
    " customer customer_email customer_creation locale payment_method_types payment_method_options ui_mode"
    " submit_type billing_address_collection allow_promotion_codes phone_number_collection"
)

ENDPOINTS = (
    _endpoint("GET", "account", "accounts.retrieve", accounts.retrieve),
    _endpoint("POST", "payment_intents", "payment_intents.create", payment_intents.create,
              _INTENT + "confirm confirmation_method"),
    _endpoint("GET", "payment_intents", "payment_intents.list", payment_intents.listing, _PAGE + "customer"),
    _endpoint("GET", "payment_intents/search", "payment_intents.search", payment_intents.search,
              "query limit page"),
    _endpoint("GET", "payment_intents/{id}", "payment_intents.retrieve", payment_intents.retrieve,
              "client_secret"),
    _endpoint("POST", "payment_intents/{id}", "payment_intents.update", payment_intents.update,
              "amount metadata description customer receipt_email statement_descriptor"
              " statement_descriptor_suffix transfer_group"),
    _endpoint("POST", "payment_intents/{id}/confirm", "payment_intents.confirm", payment_intents.confirm,
              _CONFIRM),
    _endpoint("POST", "payment_intents/{id}/capture", "payment_intents.capture", payment_intents.capture,
              "amount_to_capture final_capture statement_descriptor statement_descriptor_suffix metadata"),
    _endpoint("POST", "payment_intents/{id}/cancel", "payment_intents.cancel", payment_intents.cancel,
              "cancellation_reason"),
    _endpoint("POST", "refunds", "refunds.create", refunds.create,
              "charge payment_intent amount reason metadata instructions_email refund_application_fee"),
    _endpoint("GET", "refunds", "refunds.list", refunds.listing, _PAGE + "charge payment_intent"),
    _endpoint("GET", "refunds/{id}", "refunds.retrieve", refunds.retrieve),
    _endpoint("POST", "refunds/{id}", "refunds.update", refunds.update, "metadata"),
    _endpoint("GET", "charges", "charges.list", _lister("charge", "payment_intent", "customer"),
              _PAGE + "payment_intent customer"),
    _endpoint("GET", "charges/{id}", "charges.retrieve", _retriever("charge")),
    _endpoint("POST", "checkout/sessions", "checkout.sessions.create", checkout.create, _SESSION),
    _endpoint("GET", "checkout/sessions", "checkout.sessions.list", checkout.listing,
              _PAGE + "payment_intent customer status"),
    _endpoint("GET", "checkout/sessions/{id}", "checkout.sessions.retrieve", checkout.retrieve),
    _endpoint("POST", "checkout/sessions/{id}/expire", "checkout.sessions.expire", checkout.expire),
    _endpoint("GET", "disputes", "disputes.list", _lister("dispute", "charge", "payment_intent"),
              _PAGE + "charge payment_intent"),
    _endpoint("GET", "disputes/{id}", "disputes.retrieve", _retriever("dispute")),
    _endpoint("GET", "events", "events.list", _lister("event", "type"), _PAGE + "type"),
    _endpoint("GET", "events/{id}", "events.retrieve", _retriever("event")),
    _endpoint("POST", "payment_methods", "payment_methods.create", _create_payment_method,
              "type card metadata billing_details"),
    _endpoint("POST", "test_helpers/confirmation_tokens", "test_helpers.confirmation_tokens.create",
              confirmation_tokens.create, _METHOD + "return_url setup_future_usage shipping"),
    _endpoint("GET", "confirmation_tokens/{id}", "confirmation_tokens.retrieve", _retriever("confirmation_token")),
    _endpoint("GET", "payment_methods/{id}", "payment_methods.retrieve", _retriever("payment_method")),
)  # fmt: skip
