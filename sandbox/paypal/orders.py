"""Orders v2: create, show, approve, capture and authorize."""

from collections.abc import Sequence

from sandbox.paypal import authorizations, captures, money
from sandbox.paypal.account import Account
from sandbox.paypal.errors import declined, unprocessable
from sandbox.paypal.fields import Call, Fields
from sandbox.paypal.wallets import WALLETS
from sandbox.store.documents import JSON, Document

KIND = "checkout-order"
OPEN = ("CREATED", "PAYER_ACTION_REQUIRED", "APPROVED")
_INTENTS = ("CAPTURE", "AUTHORIZE")
_USER_ACTIONS = ("CONTINUE", "PAY_NOW")
_PAYEE = {"email_address": "merchant@sandbox.example", "merchant_id": "SANDBOXMERCHANT"}
_MINIMAL = ("id", "status", "payment_source", "payer", "purchase_units", "links")


def create(account: Account, call: Call) -> Document:
    """Create order: nothing is charged until the payer has approved and the merchant captures."""
    fields = call.fields
    intent = fields.choice("intent", _INTENTS)
    unit = _purchase_unit(fields.only_item("purchase_units"))
    source = fields.nested("payment_source")
    body: JSON = {"intent": intent, "status": "CREATED", "purchase_units": [unit]}
    if "paypal" in source:
        body |= {"status": "PAYER_ACTION_REQUIRED", "payment_source": {"paypal": {}}}
        context = source.nested("paypal").nested("experience_context")
    else:
        context = fields.nested("application_context")
    order = account.new(KIND, body, _urls(context) | {"payments": {}}, tags_of(unit))
    account.save(order)
    return order


def retrieve(account: Account, call: Call) -> Document:
    """Show order details."""
    return account.load(KIND, call.id)


def capture(account: Account, call: Call) -> Document:
    """Capture payment for order: at most once, and only what the payer has approved."""
    order = _approved(account, call, "CAPTURE", "ORDER_ALREADY_CAPTURED")
    _check_instrument(account, order)
    taken = captures.take(account, order, amount_of(order))
    _complete(account, order, "captures", taken)
    return order


def authorize(account: Account, call: Call) -> Document:
    """Authorize payment for order: the amount is reserved, to be captured or voided later."""
    order = _approved(account, call, "AUTHORIZE", "ORDER_ALREADY_AUTHORIZED")
    _check_instrument(account, order)
    authorization = authorizations.open_authorization(account, order, amount_of(order))
    _complete(account, order, "authorizations", authorization)
    return order


def approve(account: Account, order: Document, wallet: str) -> None:
    """The payer agrees; approving again replaces an instrument that was declined."""
    name = {"given_name": "Sandbox", "surname": "Payer"}
    payer = {"email_address": "payer@sandbox.example", "name": name, "address": {"country_code": "DE"}}
    order.private |= {"wallet": wallet}
    order.body |= {
        "status": "APPROVED",
        "payment_source": {"paypal": {**payer, "account_id": payer_id(order), "account_status": "VERIFIED"}},
        "payer": {**payer, "payer_id": payer_id(order)},
    }
    _changed(account, order, "CHECKOUT.ORDER.APPROVED", "An order has been approved by buyer")


def reverse_approval(account: Account, order: Document) -> None:
    """PayPal takes an approval back before the capture; the order is void."""
    order.body["status"] = "VOIDED"
    account.save(order)
    names = ("reference_id", "custom_id", "invoice_id")
    [unit] = order.body["purchase_units"]
    resource = {
        "order_id": order.id,
        "purchase_units": [{name: unit[name] for name in names if name in unit}],
        "payment_source": order.body["payment_source"],
    }
    summary = "A payment has been reversed after approval."
    account.emit("CHECKOUT.PAYMENT-APPROVAL.REVERSED", order, resource, "payment-approval", summary)


def show(account: Account, order: Document) -> JSON:
    """The order with its payments as they are now, and the links that lead on."""
    [unit] = order.body["purchase_units"]
    known = {kind: _inside(account, ids) for kind, ids in order.private["payments"].items()}
    whole = {**unit, "payments": known} if known else unit
    return {**order.body, "purchase_units": [whole], "links": _links(account, order)}


def _inside(account: Account, ids: Sequence[str]) -> list[JSON]:
    """Payments as their order shows them: without its own name on each, and without what PayPal does not show."""
    found = [account.world.documents.get(payment_id) for payment_id in ids]
    seen = [one.body for one in found if one and not one.private.get("unseen")]
    return [{name: value for name, value in body.items() if name != "supplementary_data"} for body in seen]


def minimal(shown: JSON) -> JSON:
    """`return=minimal`: id, status and links; once paid also the payments, as PayPal does."""
    [unit] = shown["purchase_units"]
    less = {name: shown[name] for name in _MINIMAL if name in shown}
    if "payments" not in unit:
        del less["purchase_units"]
        return less
    return less | {"purchase_units": [{"reference_id": unit["reference_id"], "payments": unit["payments"]}]}


def amount_of(order: Document) -> money.Amount:
    """What the payer has been asked for."""
    return money.parse(order.body["purchase_units"][0]["amount"])


def approval_url(account: Account, order: Document) -> str:
    """The page where the payer approves."""
    return f"{account.url}/checkoutnow/{order.id}"


def payer_id(order: Document) -> str:
    """The `PayerID` that the return URL carries."""
    return f"PAYER{order.id[:8]}"


def tags_of(unit: JSON) -> dict[str, str]:
    """What faults and filters match: `custom_id` is the merchant's payment, `reference_id` its order."""
    reference = unit.get("reference_id")
    named = {
        "payment_id": unit.get("custom_id"),
        "order_id": None if reference == "default" else reference,
        "invoice_id": unit.get("invoice_id"),
    }
    return {name: value for name, value in named.items() if isinstance(value, str)}


def _purchase_unit(fields: Fields) -> JSON:
    amount = money.read(_required(fields, "amount")).shown()
    texts = fields.texts(reference_id=256, description=127, custom_id=255, invoice_id=127, soft_descriptor=22)
    return {"reference_id": "default", **texts, "amount": amount, "payee": _PAYEE}


def _required(fields: Fields, name: str) -> Fields:
    nested = fields.nested(name)
    if not nested.values:
        fields.required(name)
    return nested


def _urls(context: Fields) -> JSON:
    if "user_action" in context:
        context.choice("user_action", _USER_ACTIONS)
    return {"return_url": context.text("return_url", 4000), "cancel_url": context.text("cancel_url", 4000)}


def _approved(account: Account, call: Call, intent: str, already: str) -> Document:
    order = account.load(KIND, call.id)
    if order.body["intent"] != intent:
        raise unprocessable("ACTION_DOES_NOT_MATCH_INTENT")
    if order.body["status"] == "COMPLETED":
        raise unprocessable(already)
    if order.body["status"] != "APPROVED":
        raise unprocessable("ORDER_NOT_APPROVED")
    return order


def _check_instrument(account: Account, order: Document) -> None:
    """INSTRUMENT_DECLINED makes no payment, and leaves the order approved for another attempt."""
    if WALLETS[order.private["wallet"]].instrument_declined:
        account.record("charge", account.new("attempt", {}, {}, order.tags), order.id, amount_of(order), "failed")
        raise declined(approval_url(account, order))


def _complete(account: Account, order: Document, kind: str, payment: Document) -> None:
    """COMPLETED says that a payment exists, not that it went well: its own status does."""
    order.private["payments"] = {kind: [payment.id]}
    order.body["status"] = "COMPLETED"
    _changed(account, order, "CHECKOUT.ORDER.COMPLETED", "Checkout Order Completed")


def _changed(account: Account, order: Document, event_type: str, summary: str) -> None:
    account.save(order)
    account.emit(event_type, order, show(account, order), KIND, summary)


def _links(account: Account, order: Document) -> list[JSON]:
    path = f"v2/checkout/orders/{order.id}"
    links = [account.link(path, "self")]
    page = approval_url(account, order)
    if order.body["status"] == "PAYER_ACTION_REQUIRED":
        return [*links, {"href": page, "rel": "payer-action", "method": "GET"}]
    if order.body["status"] == "CREATED":
        links.append({"href": page, "rel": "approve", "method": "GET"})
    if order.body["status"] in OPEN:
        action = order.body["intent"].lower()
        links.append(account.link(f"{path}/{action}", action, "POST"))
    return links
