"""ConfirmationTokens: what Stripe.js makes of a payment form, to be confirmed once."""

import time

from sandbox.store.documents import JSON, Document
from sandbox.stripe.account import Account, new_id, now
from sandbox.stripe.errors import invalid, missing
from sandbox.stripe.params import Call, Params
from sandbox.stripe.resources import payment_methods

KIND = "confirmation_token"
_LIFETIME = 12 * 3600


def create(account: Account, call: Call) -> JSON:
    """`POST /v1/test_helpers/confirmation_tokens`: what a server cannot make but in test mode."""
    params = call.params
    method = payment_methods.from_params(account, params)
    if method is None:
        raise invalid("You must provide one of payment_method or payment_method_data.", "payment_method")
    kind = method.body["type"]
    shown = ("type", kind, "billing_details", "allow_redisplay", "customer")
    preview = {name: method.body[name] for name in shown}
    body: JSON = {
        "id": new_id("ctoken"),
        "object": KIND,
        "created": now(),
        "expires_at": now() + _LIFETIME,
        "livemode": False,
        "mandate_data": None,
        "payment_intent": None,
        "payment_method_options": None,
        "payment_method_preview": {"customer_account": None, **preview},
        "return_url": params.text("return_url"),
        "setup_future_usage": None,
        "setup_intent": None,
        "shipping": None,
        "use_stripe_sdk": True,
    }
    token = Document(body, {"payment_method": method.id})
    account.save(token)
    return body


def consume(account: Account, params: Params, intent: Document) -> Document:
    """The payment method that a token stands for, and its `return_url`; a token is taken once."""
    token_id = params.required(KIND)
    token = account.find(KIND, token_id)
    if token is None:
        raise missing("ConfirmationToken", token_id, KIND, 400)
    if "payment_method" in params or "payment_method_data" in params:
        raise invalid("You may only specify one of these parameters: confirmation_token, payment_method.", KIND)
    if token.body["payment_intent"] is not None or token.body["expires_at"] < time.time():
        raise invalid("The provided ConfirmationToken has been used or has expired.", KIND)
    token.body["payment_intent"] = intent.id
    account.save(token)
    if token.body["return_url"] and not intent.private.get("return_url"):
        intent.private["return_url"] = token.body["return_url"]
    return account.load("payment_method", token.private["payment_method"])
