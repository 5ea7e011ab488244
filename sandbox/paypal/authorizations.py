"""Payments v2, authorized payments: reserved, then captured at once or in parts, or voided."""

from datetime import UTC, datetime, timedelta

from sandbox.paypal import captures, money
from sandbox.paypal.account import Account
from sandbox.paypal.errors import unprocessable
from sandbox.paypal.fields import Call
from sandbox.paypal.money import Amount
from sandbox.store.documents import JSON, Document

KIND = "authorization"
_VALID = timedelta(days=29)


def open_authorization(account: Account, order: Document, amount: Amount) -> Document:
    """Reserve the amount of an approved order."""
    body = {
        "status": "CREATED",
        "amount": amount.shown(),
        "seller_protection": {"status": "ELIGIBLE"},
        **captures.inherited(order),
        "supplementary_data": {"related_ids": {"order_id": order.id}},
        "expiration_time": (datetime.now(UTC) + _VALID).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    authorization = account.new(KIND, body, {"order": order.id, "captures": []}, dict(order.tags))
    authorization.body["links"] = _links(account, authorization)
    account.record("charge", authorization, order.id, amount, "authorized")
    _changed(account, authorization, "PAYMENT.AUTHORIZATION.CREATED", "A payment authorization was created")
    return authorization


def retrieve(account: Account, call: Call) -> Document:
    """Show details for authorized payment."""
    return account.load(KIND, call.id)


def capture(account: Account, call: Call) -> Document:
    """Capture authorized payment: the rest, or a part of it; `final_capture` releases what is left."""
    authorization = account.load(KIND, call.id)
    left = _capturable(account, authorization)
    amount = money.read(call.fields.nested("amount")) if "amount" in call.fields else left
    if amount.currency != left.currency:
        raise unprocessable("CURRENCY_MISMATCH")
    if amount.minor > left.minor:
        raise unprocessable("MAX_CAPTURE_AMOUNT_EXCEEDED")
    order = account.load("checkout-order", authorization.private["order"])
    taken = captures.take(
        account,
        order,
        amount,
        authorization=authorization,
        final=call.fields.flag("final_capture"),
        more=call.fields.texts(invoice_id=127, note_to_payer=255),
    )
    authorization.private["captures"].append(taken.id)
    order.private["payments"].setdefault("captures", []).append(taken.id)
    account.save(order)
    _follow(account, authorization)
    return taken


def void(account: Account, call: Call) -> Document:
    """Void authorized payment: what has not been captured is released."""
    authorization = account.load(KIND, call.id)
    if authorization.body["status"] == "VOIDED":
        raise unprocessable("PREVIOUSLY_VOIDED")
    if authorization.body["status"] == "CAPTURED":
        raise unprocessable("PREVIOUSLY_CAPTURED")
    authorization.body["status"] = "VOIDED"
    if not _live(account, authorization):
        _record(account, authorization, "canceled")
    _changed(account, authorization, "PAYMENT.AUTHORIZATION.VOIDED", "A payment authorization was voided")
    return authorization


def follow(account: Account, taken: Document) -> None:
    """Bring the authorization of a capture, if any, in line with what became of the capture."""
    if taken.private["authorization"] is not None:
        _follow(account, account.load(KIND, taken.private["authorization"]))


def _follow(account: Account, authorization: Document) -> None:
    """A denied capture gives its amount back to the authorization."""
    live = _live(account, authorization)
    _record(account, authorization, "succeeded" if live else "authorized")
    if authorization.body["status"] != "VOIDED":
        closed = any(taken.body["final_capture"] for taken in live) or _left(authorization, live).minor == 0
        authorization.body["status"] = "CAPTURED" if closed else "PARTIALLY_CAPTURED" if live else "CREATED"
    account.save(authorization)


def _capturable(account: Account, authorization: Document) -> Amount:
    if authorization.body["status"] == "VOIDED":
        raise unprocessable("AUTHORIZATION_VOIDED")
    if authorization.body["status"] == "CAPTURED":
        raise unprocessable("AUTHORIZATION_ALREADY_CAPTURED")
    return _left(authorization, _live(account, authorization))


def _live(account: Account, authorization: Document) -> list[Document]:
    """Its captures, without those that were refused."""
    taken = [account.load(captures.KIND, capture_id) for capture_id in authorization.private["captures"]]
    return [one for one in taken if one.body["status"] != "DECLINED"]


def _left(authorization: Document, live: list[Document]) -> Amount:
    return money.parse(authorization.body["amount"]).less(sum(captures.amount_of(taken).minor for taken in live))


def _record(account: Account, authorization: Document, status: str) -> None:
    amount = money.parse(authorization.body["amount"])
    account.record("charge", authorization, authorization.private["order"], amount, status)


def _changed(account: Account, authorization: Document, event_type: str, summary: str) -> None:
    account.save(authorization)
    account.emit(event_type, authorization, authorization.body, KIND, summary)


def _links(account: Account, authorization: Document) -> list[JSON]:
    path = f"v2/payments/authorizations/{authorization.id}"
    return [
        account.link(path, "self"),
        account.link(f"{path}/capture", "capture", "POST"),
        account.link(f"{path}/void", "void", "POST"),
        account.link(f"v2/checkout/orders/{authorization.private['order']}", "up"),
    ]
