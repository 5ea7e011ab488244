"""Endpoints of ``/v1/payment_intents``."""

from sandbox.store.documents import JSON, Document
from sandbox.stripe import lists
from sandbox.stripe.account import Account, new_id, now
from sandbox.stripe.errors import declined, invalid, refused, unexpected_state
from sandbox.stripe.money import check_amount, check_step, read_currency
from sandbox.stripe.params import Call, Params
from sandbox.stripe.resources import charging, confirmation_tokens
from sandbox.stripe.resources.payment_methods import from_params

TEXTS = (
    "customer",
    "description",
    "receipt_email",
    "statement_descriptor",
    "statement_descriptor_suffix",
    "transfer_group",
)
_CONFIRMABLE = ("requires_payment_method", "requires_confirmation", "requires_action")
_CANCELABLE = (
    "requires_payment_method",
    "requires_capture",
    "requires_confirmation",
    "requires_action",
    "processing",
)
_REASONS = ("duplicate", "fraudulent", "requested_by_customer", "abandoned")


def create(account: Account, call: Call) -> JSON:
    """Create a PaymentIntent, and confirm it when `confirm=true`."""
    params = call.params
    currency = read_currency(params)
    amount = check_amount(params.required_integer("amount", 1), currency, "amount")
    intent = new_intent(account, params, amount, currency)
    intent.private["redirects"] = _may_redirect(params)
    method = from_params(account, params)
    if method is not None:
        intent.body.update(payment_method=method.id, status="requires_confirmation")
    account.save(intent)
    account.emit("payment_intent.created", intent)
    if params.boolean("confirm"):
        _confirm(account, intent, params)
    return intent.body


def new_intent(account: Account, params: Params, amount: int, currency: str) -> Document:
    """A PaymentIntent that waits for a payment method."""
    intent_id = new_id("pi")
    metadata = params.metadata()
    body: JSON = {
        "id": intent_id,
        "object": "payment_intent",
        "amount": amount,
        "amount_capturable": 0,
        "amount_details": {"tip": {}},
        "amount_received": 0,
        "application": None,
        "application_fee_amount": None,
        "automatic_payment_methods": _automatic(params),
        "canceled_at": None,
        "cancellation_reason": None,
        "capture_method": params.choice("capture_method", ("automatic", "automatic_async", "manual"))
        or "automatic_async",
        "client_secret": f"{intent_id}_{new_id('secret')}",
        "confirmation_method": "automatic",
        "created": now(),
        "currency": currency,
        "last_payment_error": None,
        "latest_charge": None,
        "livemode": False,
        "metadata": metadata,
        "next_action": None,
        "on_behalf_of": None,
        "payment_method": None,
        "payment_method_options": {},
        "payment_method_types": params.texts("payment_method_types") or ["card"],
        "processing": None,
        "review": None,
        "setup_future_usage": None,
        "shipping": None,
        "status": "requires_payment_method",
        "transfer_data": None,
        **{name: params.text(name) for name in TEXTS},
    }
    return Document(body, tags=dict(metadata))


def retrieve(account: Account, call: Call) -> JSON:
    """Retrieve a PaymentIntent."""
    return account.load("payment_intent", call.id).body


def update(account: Account, call: Call) -> JSON:
    """Update metadata and descriptive fields; the amount only before it is confirmed."""
    intent, params = account.load("payment_intent", call.id), call.params
    if "amount" in params:
        if intent.body["status"] not in _CONFIRMABLE:
            message = "This PaymentIntent's amount could not be updated because it has a status of"
            raise unexpected_state(f"{message} {intent.body['status']}.", intent.body)
        amount = params.required_integer("amount", 1)
        intent.body["amount"] = check_amount(amount, intent.body["currency"], "amount")
    inherited = {k: v for k, v in intent.tags.items() if intent.body["metadata"].get(k) != v}
    intent.body["metadata"] = params.metadata(intent.body["metadata"])
    intent.tags = {**inherited, **intent.body["metadata"]}
    intent.body.update({name: params.text(name) for name in TEXTS if name in params})
    account.save(intent)
    return intent.body


def confirm(account: Account, call: Call) -> JSON:
    """Confirm a PaymentIntent: try to collect."""
    intent = account.load("payment_intent", call.id)
    if "session" in intent.private:
        message = "You cannot confirm this PaymentIntent because it was created by a Checkout Session."
        raise unexpected_state(message, intent.body)
    _confirm(account, intent, call.params)
    return intent.body


def capture(account: Account, call: Call) -> JSON:
    """Capture an authorized PaymentIntent, wholly or in part."""
    intent = account.load("payment_intent", call.id)
    body = intent.body
    if body["status"] == "succeeded":
        message = "This PaymentIntent could not be captured because it has already been captured."
        raise unexpected_state(message, body)
    if body["status"] != "requires_capture":
        message = (
            f"This PaymentIntent could not be captured because it has a status of {body['status']}."
            " Only a PaymentIntent with one of the following statuses may be captured: requires_capture."
        )
        raise unexpected_state(message, body)
    amount = call.params.integer("amount_to_capture", 1) or body["amount_capturable"]
    check_step(amount, body["currency"], "amount_to_capture")
    if amount > body["amount_capturable"]:
        message = "The amount_to_capture must be less than or equal to the authorized amount."
        raise refused(message, "amount_too_large", "amount_to_capture")
    charging.capture(account, intent, amount)
    return body


def cancel(account: Account, call: Call) -> JSON:
    """Cancel a PaymentIntent; one of an open Checkout Session is expired with its Session instead."""
    intent = account.load("payment_intent", call.id)
    reason = call.params.choice("cancellation_reason", _REASONS)
    status = intent.body["status"]
    if status not in _CANCELABLE:
        message = (
            f"You cannot cancel this PaymentIntent because it has a status of {status}."
            " Only a PaymentIntent with one of the following statuses may be canceled:"
            f" {', '.join(_CANCELABLE)}."
        )
        raise unexpected_state(message, intent.body)
    if "session" in intent.private:
        session = account.load("checkout.session", intent.private["session"])
        if session.body["status"] == "open":
            message = "You cannot cancel this PaymentIntent: expire its Checkout Session instead."
            raise unexpected_state(message, intent.body)
    charging.cancel(account, intent, reason)
    return intent.body


def listing(account: Account, call: Call) -> JSON:
    """List PaymentIntents, newest first."""
    return lists.listing(account, call, "payment_intent", ("customer",))


def search(account: Account, call: Call) -> JSON:
    """Search PaymentIntents by metadata and the like."""
    return lists.search(account, call, "payment_intent")


def _confirm(account: Account, intent: Document, params: Params) -> None:
    body = intent.body
    if body["status"] not in _CONFIRMABLE:
        reason = f"it has a status of {body['status']}"
        if body["status"] == "succeeded":
            reason = "it has already succeeded after being previously confirmed"
        raise unexpected_state(f"You cannot confirm this PaymentIntent because {reason}.", body)
    intent.private["return_url"] = params.text("return_url") or intent.private.get("return_url")
    intent.private["sdk"] = params.boolean("use_stripe_sdk")
    by_token = confirmation_tokens.KIND in params
    method = confirmation_tokens.consume(account, params, intent) if by_token else from_params(account, params)
    if intent.private.get("redirects") and not intent.private["return_url"]:
        raise _return_url_needed()
    if method is None and body["payment_method"]:
        method = account.load("payment_method", body["payment_method"])
    if method is None:
        message = "You cannot confirm this PaymentIntent because it's missing a payment method."
        raise unexpected_state(message, body)
    strict = params.boolean("off_session") or params.boolean("error_on_requires_action")
    charging.attempt(account, intent, method, off_session=strict)
    if body["last_payment_error"] is not None:
        raise declined(body["last_payment_error"], body)


def _automatic(params: Params) -> JSON | None:
    given = params.nested("automatic_payment_methods")
    enabled = given.boolean("enabled") or not (given.values or "payment_method_types" in params)
    redirects = given.choice("allow_redirects", ("always", "never")) or "always"
    return {"allow_redirects": redirects, "enabled": True} if enabled else None


def _may_redirect(params: Params) -> bool:
    """Dashboard-managed methods may redirect: Stripe then insists on a `return_url`."""
    automatic = _automatic(params)
    return automatic is not None and automatic["allow_redirects"] == "always"


def _return_url_needed() -> Exception:
    message = (
        "This PaymentIntent is configured to accept payment methods enabled in your Dashboard. Because some"
        " of these payment methods might redirect your customer off of your page, you must provide a"
        " `return_url`. If you don't want to accept redirect-based payment methods, set"
        " `automatic_payment_methods[enabled]` to `true` and `automatic_payment_methods[allow_redirects]`"
        " to `never` when creating Setup Intents and Payment Intents."
    )
    return invalid(message, "return_url")
