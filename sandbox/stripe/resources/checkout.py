"""Checkout Sessions: endpoints of ``/v1/checkout/sessions`` and what the hosted page does."""

from sandbox.store.documents import JSON, Document
from sandbox.stripe import lists
from sandbox.stripe.account import Account, new_id, now
from sandbox.stripe.errors import invalid, missing, refused
from sandbox.stripe.money import check_amount, read_currency
from sandbox.stripe.params import Call, Params
from sandbox.stripe.resources import charging
from sandbox.stripe.resources.payment_intents import TEXTS, new_intent
from sandbox.stripe.resources.payment_methods import obtain

EXPIRE = "expire.checkout_session"
_DAY = 24 * 3600
_SHORTEST = 30 * 60
_CLOCK_SLACK = 60
_INTENT_DATA = frozenset([*TEXTS, "capture_method", "metadata", "setup_future_usage", "shipping"])


def create(account: Account, call: Call) -> JSON:
    """Create a Session in `payment` mode."""
    params = call.params
    if params.required("mode") != "payment":
        raise invalid("Only `payment` mode is simulated.", "mode")
    items, currency = _line_items(params)
    total = sum(item["amount_total"] for item in items)
    intent_params = params.nested("payment_intent_data")
    intent_params.only(_INTENT_DATA)
    session = Document(
        _body(account, params, total, currency),
        {"line_items": items, "payment_intent_data": intent_params.values, "asynchronous": False},
        _tags(params, intent_params),
    )
    account.save(session)
    account.schedule(EXPIRE, session, "expired", at=float(session.body["expires_at"]))
    return session.body


def retrieve(account: Account, call: Call) -> JSON:
    """Retrieve a Session."""
    return account.load("checkout.session", call.id).body


def listing(account: Account, call: Call) -> JSON:
    """List Sessions, for instance the one of a PaymentIntent."""
    return lists.listing(account, call, "checkout.session", ("payment_intent", "customer", "status"))


def expire(account: Account, call: Call) -> JSON:
    """Expire an open Session, so that nobody can pay it any more."""
    session = account.load("checkout.session", call.id)
    status = session.body["status"]
    if status != "open":
        message = (
            'Only Checkout Sessions with a status in ["open"] can be expired.'
            f" This Checkout Session has a status of `{status}`."
        )
        raise refused(message, param="session")
    close(account, session)
    return session.body


def close(account: Account, session: Document) -> None:
    """Expire a Session and cancel the PaymentIntent of its failed attempts, if there is one."""
    account.unschedule(session)
    session.body.update(status="expired", url=None)
    account.save(session)
    account.emit("checkout.session.expired", session)
    if session.body["payment_intent"]:
        intent = account.load("payment_intent", session.body["payment_intent"])
        charging.cancel(account, intent, "automatic")


def pay(account: Account, session: Document, token: str) -> Document:
    """What the hosted page's button does; answers the PaymentIntent after the attempt.

    As in Stripe's own API the PaymentIntent exists from the first attempt on, not before.
    """
    method = obtain(account, token, "payment_method")
    intent = _intent(account, session)
    charging.attempt(account, intent, method)
    return intent


def _intent(account: Account, session: Document) -> Document:
    if session.body["payment_intent"]:
        return account.load("payment_intent", session.body["payment_intent"])
    params = Params(session.private["payment_intent_data"], "payment_intent_data")
    intent = new_intent(account, params, session.body["amount_total"], session.body["currency"])
    intent.private["session"] = session.id
    intent.tags = {**session.tags, **intent.tags}
    session.body["payment_intent"] = intent.id
    account.save(intent)
    account.save(session)
    account.emit("payment_intent.created", intent)
    return intent


def _line_items(params: Params) -> tuple[list[JSON], str]:
    """Items with inline prices, all in one currency."""
    given = params.items("line_items")
    if not given:
        raise invalid("Missing required param: line_items.", "line_items", "parameter_missing")
    items = [_line_item(item) for item in given]
    currencies = {item["currency"] for item in items}
    if len(currencies) > 1:
        raise invalid("All line items must use the same currency.", "line_items")
    total = sum(item["amount_total"] for item in items)
    currency = currencies.pop()
    check_amount(total, currency, "line_items")
    return items, currency


def _line_item(item: Params) -> JSON:
    if "price" in item:
        raise missing("price", item.required("price"), item.name("price"), 400)
    price = item.nested("price_data")
    product = price.nested("product_data")
    quantity = item.required_integer("quantity", 1)
    return {
        "name": product.required("name"),
        "quantity": quantity,
        "currency": read_currency(price),
        "amount_total": quantity * price.required_integer("unit_amount"),
    }


def _expires_at(params: Params) -> int:
    """Between 30 minutes and 24 hours from now, as Stripe demands."""
    given = params.integer("expires_at")
    if given is None:
        return now() + _DAY
    if not now() + _SHORTEST - _CLOCK_SLACK <= given <= now() + _DAY + _CLOCK_SLACK:
        message = (
            "The `expires_at` timestamp must be at least 30 minutes and less than 24 hours"
            " from Checkout Session creation."
        )
        raise invalid(message, "expires_at")
    return given


def _tags(params: Params, intent_params: Params) -> dict[str, str]:
    tags = {**intent_params.metadata(), **params.metadata()}
    reference = params.text("client_reference_id")
    return {"client_reference_id": reference, **tags} if reference else tags


def _body(account: Account, params: Params, total: int, currency: str) -> JSON:
    session_id = new_id("cs_test")
    return {
        "id": session_id,
        "object": "checkout.session",
        "amount_subtotal": total,
        "amount_total": total,
        "automatic_tax": {"enabled": False, "liability": None, "status": None},
        "cancel_url": params.text("cancel_url"),
        "client_reference_id": params.text("client_reference_id"),
        "created": now(),
        "currency": currency,
        "custom_fields": [],
        "custom_text": {
            "after_submit": None,
            "shipping_address": None,
            "submit": None,
            "terms_of_service_acceptance": None,
        },
        "customer": params.text("customer"),
        "customer_details": None,
        "customer_email": params.text("customer_email"),
        "expires_at": _expires_at(params),
        "livemode": False,
        "locale": params.text("locale"),
        "metadata": params.metadata(),
        "mode": "payment",
        "payment_intent": None,
        "payment_method_types": params.texts("payment_method_types") or ["card"],
        "payment_status": "unpaid",
        "shipping_options": [],
        "status": "open",
        "success_url": params.required("success_url"),
        "total_details": {"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0},
        "ui_mode": "hosted_page",
        "url": f"{account.pages_url}/checkout/{session_id}",
    }
