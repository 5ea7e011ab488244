"""Payments v2, captured payments: the money is taken, is being looked at, or is refused."""

from sandbox.paypal.account import Account
from sandbox.paypal.fields import Call
from sandbox.paypal.money import Amount, parse
from sandbox.paypal.wallets import WALLETS
from sandbox.store.documents import JSON, Document

KIND = "capture"
SETTLE = "settle.capture"


def retrieve(account: Account, call: Call) -> Document:
    """Show captured payment details."""
    return account.load(KIND, call.id)


def take(
    account: Account,
    order: Document,
    amount: Amount,
    *,
    authorization: Document | None = None,
    final: bool = True,
    more: JSON | None = None,
) -> Document:
    """Capture an order's payment, or a part of what was authorized, as the payer's choice behaves."""
    wallet = order.private["wallet"]
    related = {"order_id": order.id} | ({"authorization_id": authorization.id} if authorization else {})
    body = {
        "status": "PENDING",
        "amount": amount.shown(),
        "final_capture": final,
        "seller_protection": {"status": "ELIGIBLE"},
        **inherited(order),
        **(more or {}),
        "supplementary_data": {"related_ids": related},
    }
    private = {"order": order.id, "authorization": authorization.id if authorization else None, "wallet": wallet}
    capture = account.new(KIND, body, {**private, "refunds": []}, dict(order.tags))
    capture.body["links"] = _links(account, capture)
    _begin(account, capture)
    return capture


def decide(account: Account, capture: Document, *, succeeded: bool) -> None:
    """PayPal has finished looking at a pending capture."""
    account.unschedule(capture)
    capture.body.pop("status_details", None)
    if succeeded:
        _complete(account, capture)
    else:
        _refuse(account, capture, "PAYMENT.CAPTURE.DENIED")


def amount_of(capture: Document) -> Amount:
    """What was captured."""
    return parse(capture.body["amount"])


def inherited(parent: Document) -> JSON:
    """The merchant's own ids, which PayPal repeats on every payment made of an order."""
    holder = parent.body["purchase_units"][0] if "purchase_units" in parent.body else parent.body
    return {name: holder[name] for name in ("custom_id", "invoice_id") if name in holder}


def changed(account: Account, capture: Document, event_type: str, summary: str) -> None:
    """Store the capture and tell."""
    account.save(capture)
    value, currency = capture.body["amount"]["value"], capture.body["amount"]["currency_code"]
    account.emit(event_type, capture, capture.body, KIND, f"{summary} for {value} {currency}")


def _begin(account: Account, capture: Document) -> None:
    wallet = WALLETS[capture.private["wallet"]]
    if wallet.capture == "complete":
        _complete(account, capture)
    elif wallet.capture == "decline":
        _refuse(account, capture, "PAYMENT.CAPTURE.DECLINED")
    else:
        capture.body["status_details"] = {"reason": "PENDING_REVIEW"}
        _attempted(account, capture, "pending")
        changed(account, capture, "PAYMENT.CAPTURE.PENDING", "Payment pending")
        if wallet.settles:
            account.schedule(SETTLE, capture, wallet.settles)


def _complete(account: Account, capture: Document) -> None:
    """Move the money: this is the line in the ledger that must exist at most once per order."""
    capture.body["status"] = "COMPLETED"
    _attempted(account, capture, "succeeded")
    account.record("capture", capture, capture.private["order"], amount_of(capture), "succeeded")
    changed(account, capture, "PAYMENT.CAPTURE.COMPLETED", "Payment completed")


def _refuse(account: Account, capture: Document, event_type: str) -> None:
    capture.body["status"] = "DECLINED"
    _attempted(account, capture, "failed")
    changed(account, capture, event_type, "Payment refused")


def _attempted(account: Account, capture: Document, status: str) -> None:
    """Of an authorized payment the attempt was the authorization, which has its own line."""
    if capture.private["authorization"] is None:
        account.record("charge", capture, capture.private["order"], amount_of(capture), status)


def _links(account: Account, capture: Document) -> list[JSON]:
    path = f"v2/payments/captures/{capture.id}"
    authorization = capture.private["authorization"]
    up = f"v2/payments/authorizations/{authorization}" if authorization else None
    return [
        account.link(path, "self"),
        account.link(f"{path}/refund", "refund", "POST"),
        account.link(up or f"v2/checkout/orders/{capture.private['order']}", "up"),
    ]
