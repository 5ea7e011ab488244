"""Refunds: money sent back to the payer's account, which takes a while and may fail late."""

from sandbox.bank_transfer.account import REFUND, TRANSFER, Account
from sandbox.bank_transfer.errors import refused
from sandbox.bank_transfer.fields import Call
from sandbox.bank_transfer.payers import PAYERS, Payer
from sandbox.store.documents import JSON, Document

SETTLE = "settle.refund"
_WORDS = {"pending": "pending", "settled": "succeeded", "failed": "failed"}


def create(account: Account, call: Call) -> JSON:
    """Send back what is left of a settled transfer, or a part of it."""
    transfer = account.load(TRANSFER, call.id)
    if transfer.body["status"] != "settled":
        raise refused("transfer_not_refundable", f"The transfer is {transfer.body['status']}.")
    left = transfer.body["amount_received"] - transfer.body["amount_refunded"]
    amount = call.fields.amount() or left
    if amount > left or not left:
        raise refused("refund_too_large", f"At most {left} can be refunded.", "amount")
    reference = call.fields.required("merchant_reference")
    body = {
        "transfer_id": transfer.id,
        "merchant_reference": reference,
        "amount": amount,
        "currency": transfer.body["currency"],
        "status": "pending",
        "reason": None,
    }
    refund = account.new(REFUND, "brf", body, {"transfer": transfer.id}, transfer.tags | {"refund_id": reference})
    transfer.body["amount_refunded"] += amount
    account.save(transfer)
    _changed(account, refund, transfer, "pending")
    account.schedule(SETTLE, refund, "failed" if _payer(transfer).refund == "fail" else "succeeded")
    return refund.body


def retrieve(account: Account, call: Call) -> JSON:
    """Show a refund."""
    return account.load(REFUND, call.id).body


def settle(account: Account, refund: Document, *, succeeded: bool) -> None:
    """End a pending refund, or let one that had looked settled come back: the money stays with the merchant."""
    account.unschedule(refund)
    transfer = account.load(TRANSFER, refund.private["transfer"])
    if succeeded:
        _changed(account, refund, transfer, "settled")
        if _payer(transfer).refund == "bounce":
            account.schedule(SETTLE, refund, "failed")
        return
    transfer.body["amount_refunded"] -= refund.body["amount"]
    account.save(transfer)
    refund.body["reason"] = {"code": "account_closed", "message": "The payer's bank sent the refund back."}
    _changed(account, refund, transfer, "failed")


def _payer(transfer: Document) -> Payer:
    return PAYERS[transfer.private["payer"]]


def _changed(account: Account, refund: Document, transfer: Document, status: str) -> None:
    refund.body["status"] = status
    account.save(refund)
    account.record("refund", refund, transfer, refund.body["amount"], _WORDS[status])
    about = {"refund_id": refund.id, "refund_reference": refund.body["merchant_reference"]}
    account.emit(f"refund.{status}", refund, transfer, about)
