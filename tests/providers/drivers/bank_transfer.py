"""Customers who push money from their own bank."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
import uuid

import httpx

from tests.providers.drivers.driver import Callback, Driver, Json, Subject


class BankTransferDriver(Driver):
    """The page with instructions, and the payer's account."""

    name = "bank_transfer"
    charge_call = "transfers.create"

    def account(self, name: str, key: str) -> dict[str, str]:
        """A key of an account."""
        return {"api_key": f"bank_acct_{name}_{key}", "webhook_secret": key}

    def pay(self, page: str) -> httpx.Response:
        """The whole amount from an account that has it."""
        return self._press(f"{page}/send")

    def decline(self, page: str) -> None:
        """From an account that has no money: the transfer is returned."""
        assert self._press(f"{page}/send", payer="no_funds").is_success

    def pay_slowly(self, page: str) -> None:
        """Received, and not settled yet."""
        assert self._press(f"{page}/send", payer="slow").is_success

    def settle(self, payment: Json, outcome: str) -> None:
        """Decide the transfer."""
        self.books.settle(self.name, payment["provider_reference"], outcome)

    def page_of(self, payment: Json) -> str:
        """Return the page; a customer whose page we never learned of finds the request in their banking app."""
        if payment["redirect_url"]:
            return str(payment["redirect_url"])
        listed = self.http.get(
            f"{self.gateway.sandbox_url}/bank/v1/transfers",
            params={"merchant_reference": payment["payment_id"]},
            headers={"authorization": f"Bearer {self.secret('bank_transfer_api_key')}"},
        )
        [transfer] = listed.raise_for_status().json()["data"]
        return str(transfer["instructions_url"])

    def callback(self, about: Subject) -> Callback:
        """A transfer that is settled, with the token of its payment."""
        event_id = f"bev_{uuid.uuid4().hex}"
        token = self._hmac("bank_transfer_token_secret", about.payment_id.encode())
        event = {
            "event_id": event_id,
            "type": "transfer.settled",
            "transfer_id": f"btr_{about.reference.removeprefix('btr_')}",
            "merchant_reference": about.payment_id,
            "callback_token": token,
            "time": "2026-01-31T12:00:00Z",
        }
        return Callback(event_id, json.dumps(event).encode())

    def sign(self, body: bytes, *, at: float = 0.0) -> dict[str, str]:
        """`Bank-Signature`."""
        timestamp = int(time.time() + at)
        signature = self._hmac("bank_transfer_webhook_secret", f"{timestamp}.".encode() + body)
        return {"bank-signature": f"t={timestamp},v1={signature}"}

    def _hmac(self, secret: str, message: bytes) -> str:
        return hmac.new(self.secret(secret).encode(), message, hashlib.sha256).hexdigest()
