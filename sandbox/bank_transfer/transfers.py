"""Transfers: announced by the merchant, sent by the customer, settled or returned by the bank."""

import time
from collections.abc import Mapping
from typing import Any

from sandbox.bank_transfer import references
from sandbox.bank_transfer.account import TRANSFER, Account, timestamp
from sandbox.bank_transfer.errors import invalid, refused
from sandbox.bank_transfer.fields import Call
from sandbox.bank_transfer.payers import PAYERS
from sandbox.store.documents import JSON, Document

SETTLE = "settle.transfer"
EXPIRE = "expire.transfer"
CURRENCIES = ("CHF", "EUR", "GBP", "PLN", "SEK")
HIGHEST = 10**11
_LIFETIME = 24 * 3600
_REASONS = {
    "insufficient_funds": "The payer's account has insufficient funds.",
    "account_blocked": "The payer's account is blocked.",
    "refused": "The payer's bank refused the transfer.",
    "expired": "The transfer was not sent in time.",
    "cancelled": "The merchant cancelled the transfer.",
}


def create(account: Account, call: Call) -> JSON:
    """Announce a transfer: the answer says where the customer is told how to send it."""
    fields = call.fields
    amount, currency = fields.amount(), fields.required("currency")
    if currency not in CURRENCIES:
        raise invalid("currency", f"currency must be one of {', '.join(CURRENCIES)}.")
    if amount is None or amount > HIGHEST:
        raise invalid("amount", f"amount is required and at most {HIGHEST}.")
    expires = time.time() + _LIFETIME
    body: JSON = {
        "merchant_reference": fields.required("merchant_reference"),
        "amount": amount,
        "currency": currency,
        "description": fields.text("description", 500),
        "metadata": fields.labels(),
        "status": "awaiting_funds",
        "payment_reference": references.new(),
        "amount_received": 0,
        "amount_refunded": 0,
        "reason": None,
        "expires_at": timestamp(expires),
    }
    private: JSON = {"callback_token": fields.required("callback_token", 200), "payer": "ordinary"}
    private["return_url"] = fields.text("return_url", 4000)
    private["cancel_url"] = fields.text("cancel_url", 4000)
    transfer = account.new(TRANSFER, "btr", body, private, tags_of(fields.values))
    transfer.body["instructions_url"] = f"{account.url}/pay/{transfer.id}"
    account.schedule(EXPIRE, transfer, "expired", at=expires)
    _changed(account, transfer, "awaiting_funds")
    return transfer.body


def retrieve(account: Account, call: Call) -> JSON:
    """Show a transfer."""
    return account.load(TRANSFER, call.id).body


def cancel(account: Account, call: Call) -> JSON:
    """Withdraw a transfer that was not sent yet."""
    transfer = account.load(TRANSFER, call.id)
    if transfer.body["status"] != "awaiting_funds":
        raise refused("transfer_not_cancellable", f"The transfer is {transfer.body['status']}.")
    close(account, transfer, "cancelled")
    return transfer.body


def close(account: Account, transfer: Document, status: str) -> None:
    """End a transfer that was never sent: `cancelled` or `expired`."""
    account.unschedule(transfer)
    _changed(account, transfer, status, reason=status)


def receive(account: Account, transfer: Document, amount: int, payer: str) -> None:
    """The customer has sent an amount, which need not be the one that was asked for."""
    account.unschedule(transfer)
    transfer.private["payer"] = payer
    transfer.body["amount_received"] = amount
    account.record("charge", transfer, transfer, amount, "pending")
    _changed(account, transfer, "received")
    if outcome := PAYERS[payer].settles:
        account.schedule(SETTLE, transfer, outcome)


def settle(account: Account, transfer: Document, *, succeeded: bool) -> None:
    """End a received transfer: the money is the merchant's, or goes back to the payer."""
    account.unschedule(transfer)
    amount = transfer.body["amount_received"]
    account.record("charge", transfer, transfer, amount, "succeeded" if succeeded else "failed")
    if succeeded:
        # the line in the ledger that must exist at most once per payment
        account.record("capture", transfer, transfer, amount, "succeeded")
        _changed(account, transfer, "settled")
    else:
        _changed(account, transfer, "returned", reason=PAYERS[transfer.private["payer"]].reason or "refused")


def tags_of(values: Mapping[str, Any]) -> dict[str, str]:
    """What faults and filters match: the merchant's labels, and its reference as the payment."""
    metadata = values.get("metadata")
    given = metadata if isinstance(metadata, dict) else {}
    labels = {name: text for name, text in given.items() if isinstance(text, str)}
    reference = values.get("merchant_reference")
    return labels | ({"payment_id": reference} if isinstance(reference, str) else {})


def _changed(account: Account, transfer: Document, status: str, *, reason: str = "") -> None:
    transfer.body["status"] = status
    transfer.body["reason"] = {"code": reason, "message": _REASONS[reason]} if reason else None
    account.save(transfer)
    account.emit(f"transfer.{status}", transfer, transfer)
