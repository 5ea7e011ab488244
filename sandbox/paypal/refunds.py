"""Payments v2, refunds: of a whole capture or in parts, never more than was captured."""

from sandbox.paypal import captures, money
from sandbox.paypal.account import Account
from sandbox.paypal.errors import not_found, unprocessable
from sandbox.paypal.fields import Call
from sandbox.paypal.money import Amount
from sandbox.paypal.wallets import WALLETS
from sandbox.store.documents import JSON, Document

KIND = "refund"
SETTLE = "settle.refund"
_GONE = ("FAILED", "CANCELLED")


def create(account: Account, call: Call) -> Document:
    """Refund captured payment; an empty body refunds what is left."""
    capture = account.load(captures.KIND, call.id)
    left = _refundable(account, capture)
    amount = money.read(call.fields.nested("amount")) if "amount" in call.fields else left
    if amount.currency != left.currency:
        raise unprocessable("REFUND_CAPTURE_CURRENCY_MISMATCH")
    if amount.minor > left.minor:
        raise unprocessable("REFUND_AMOUNT_EXCEEDED")
    texts = call.fields.texts(custom_id=127, invoice_id=127, note_to_payer=255)
    tags = {"refund_id": texts["custom_id"]} if "custom_id" in texts else {}
    refund = _open(account, capture, amount, texts, tags)
    _begin(account, capture, refund)
    return refund


def retrieve(account: Account, call: Call) -> Document:
    """Show refund details."""
    refund = account.load(KIND, call.id)
    if refund.private.get("unseen"):
        raise not_found()
    return refund


def reverse(account: Account, capture: Document, *, unseen: bool = False) -> None:
    """PayPal takes a payment back by itself, after a chargeback for instance; it need not show that as a refund."""
    refund = _open(account, capture, _refundable(account, capture), {}, {})
    refund.private["unseen"] = unseen
    _finish(account, refund, "COMPLETED", "PAYMENT.CAPTURE.REVERSED", "A payment was reversed")


def decide(account: Account, refund: Document, *, succeeded: bool) -> None:
    """End a pending refund, or let one fail that had looked fine: the money stays with the merchant."""
    account.unschedule(refund)
    refund.body.pop("status_details", None)
    if succeeded:
        _finish(account, refund, "COMPLETED", "PAYMENT.CAPTURE.REFUNDED", "A refund was completed")
    else:
        _finish(account, refund, "FAILED", "PAYMENT.REFUND.FAILED", "A refund failed")


def _begin(account: Account, capture: Document, refund: Document) -> None:
    manner = WALLETS[capture.private["wallet"]].refund
    if manner == "complete":
        decide(account, refund, succeeded=True)
        return
    refund.body["status_details"] = {"reason": "ECHECK"}
    _finish(account, refund, "PENDING", "PAYMENT.REFUND.PENDING", "A refund is pending")
    account.schedule(SETTLE, refund, "succeeded" if manner == "pend" else "failed")


def _open(account: Account, capture: Document, amount: Amount, more: JSON, tags: dict[str, str]) -> Document:
    refunded = captures.amount_of(capture).less(_left(account, capture).minor - amount.minor)
    body = {
        "status": "PENDING",
        "amount": amount.shown(),
        **captures.inherited(capture),
        **more,
        "seller_payable_breakdown": {"gross_amount": amount.shown(), "total_refunded_amount": refunded.shown()},
    }
    private = {"capture": capture.id, "order": capture.private["order"]}
    refund = account.new(KIND, body, private, {**capture.tags, **tags})
    refund.body["links"] = [
        account.link(f"v2/payments/refunds/{refund.id}", "self"),
        account.link(f"v2/payments/captures/{capture.id}", "up"),
    ]
    capture.private["refunds"].append(refund.id)
    account.save(capture)
    order = account.load("checkout-order", refund.private["order"])
    order.private["payments"].setdefault("refunds", []).append(refund.id)
    account.save(order)
    return refund


def _finish(account: Account, refund: Document, status: str, event_type: str, summary: str) -> None:
    """Store a refund's new status, and what it makes of the capture."""
    refund.body["status"] = status
    account.save(refund)
    amount = money.parse(refund.body["amount"])
    word = {"COMPLETED": "succeeded", "PENDING": "pending", "FAILED": "failed"}[status]
    account.record("refund", refund, refund.private["order"], amount, word)
    _follow(account, account.load(captures.KIND, refund.private["capture"]))
    account.emit(event_type, refund, refund.body, KIND, summary)


def _follow(account: Account, capture: Document) -> None:
    left, whole = _left(account, capture).minor, captures.amount_of(capture).minor
    capture.body["status"] = "REFUNDED" if left == 0 else "PARTIALLY_REFUNDED" if left < whole else "COMPLETED"
    account.save(capture)


def _refundable(account: Account, capture: Document) -> Amount:
    """The amount not yet refunded, or PayPal's reason why there is none."""
    status = capture.body["status"]
    if status == "REFUNDED":
        raise unprocessable("CAPTURE_FULLY_REFUNDED")
    if status not in {"COMPLETED", "PARTIALLY_REFUNDED"}:
        raise unprocessable("PENDING_CAPTURE" if status == "PENDING" else "REFUND_NOT_ALLOWED")
    return _left(account, capture)


def _left(account: Account, capture: Document) -> Amount:
    refunds = [account.find(KIND, refund_id) for refund_id in capture.private["refunds"]]
    counted = [one for one in refunds if one is not None and one.body["status"] not in _GONE]
    return captures.amount_of(capture).less(sum(money.parse(one.body["amount"]).minor for one in counted))
