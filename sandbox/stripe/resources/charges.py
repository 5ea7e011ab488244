"""Charges: the attempts behind a PaymentIntent, and what is shown of them."""

from sandbox.store.documents import JSON, Document
from sandbox.stripe.account import Account, new_id, now
from sandbox.stripe.resources import cards
from sandbox.stripe.resources.cards import Instrument


def open_charge(intent: Document, method: Document, instrument: Instrument) -> Document:
    """A Charge for an attempt, as pending; the attempt's outcome completes it."""
    body = intent.body
    charge: JSON = {
        "id": new_id("ch"),
        "object": "charge",
        "amount": body["amount"],
        "amount_captured": 0,
        "amount_refunded": 0,
        "application": None,
        "balance_transaction": None,
        "billing_details": {"address": None, "email": None, "name": None, "phone": None},
        "captured": False,
        "created": now(),
        "currency": body["currency"],
        "customer": body["customer"],
        "description": body["description"],
        "disputed": False,
        "failure_code": None,
        "failure_message": None,
        "fraud_details": {},
        "livemode": False,
        "metadata": dict(body["metadata"]),
        "outcome": None,
        "paid": False,
        "payment_intent": intent.id,
        "payment_method": method.id,
        "payment_method_details": {
            "type": instrument.type,
            instrument.type: cards.details(instrument, charged=True),
        },
        "receipt_email": body["receipt_email"],
        "receipt_url": None,
        "refunded": False,
        "statement_descriptor": body["statement_descriptor"],
        "status": "pending",
        "transfer_group": body["transfer_group"],
    }
    return Document(charge, {"token": instrument.token}, dict(intent.tags))


def succeed(account: Account, charge: Document, *, captured: bool) -> None:
    """The issuer approved; the money is taken, or only reserved."""
    body = charge.body
    body.update(status="succeeded", paid=True)
    body["outcome"] = {
        "network_status": "approved_by_network",
        "reason": None,
        "risk_level": "normal",
        "seller_message": "Payment complete.",
        "type": "authorized",
    }
    if captured:
        take(account, charge, body["amount"])
    else:
        account.save(charge)
        account.record("charge", charge, body["payment_intent"], body["amount"], "authorized", charge.tags)
    account.emit("charge.succeeded", charge)


def take(account: Account, charge: Document, amount: int) -> None:
    """Move the money: this is the line in the ledger that must exist at most once per order."""
    body = charge.body
    body.update(captured=True, amount_captured=amount)
    account.save(charge)
    account.record("charge", charge, body["payment_intent"], body["amount"], "succeeded", charge.tags)
    account.record("capture", charge, body["payment_intent"], amount, "succeeded", charge.tags)


def fail(account: Account, charge: Document, error: JSON) -> None:
    """The issuer or the bank said no."""
    charge.body.update(status="failed", failure_code=error["code"], failure_message=error["message"])
    charge.body["outcome"] = {
        "network_status": "declined_by_network",
        "reason": error.get("decline_code"),
        "risk_level": "normal",
        "seller_message": "The bank did not return any further details with this decline.",
        "type": "issuer_declined",
    }
    account.save(charge)
    body = charge.body
    account.record("charge", charge, body["payment_intent"], body["amount"], "failed", charge.tags)
    account.emit("charge.failed", charge)


def release(account: Account, charge: Document) -> None:
    """A cancelled authorization: Stripe shows the reserved amount as refunded."""
    charge.body.update(refunded=True, amount_refunded=charge.body["amount"])
    account.save(charge)
    body = charge.body
    account.record("charge", charge, body["payment_intent"], body["amount"], "canceled", charge.tags)
    account.emit("charge.refunded", charge)
