"""PayPal's payers."""

from __future__ import annotations

import base64
import json
import uuid
import zlib
from datetime import UTC, datetime, timedelta

import httpx
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from tests.providers.drivers.driver import Callback, Driver, Json, Subject
from tests.support.waiting import eventually

_BEGIN = b"-----BEGIN CERTIFICATE-----"


class PaypalDriver(Driver):
    """The approval page and its wallets."""

    name = "paypal"
    charge_call = "orders.capture"
    lost_answers = 1
    another_time = (-4 * 86400, 320)  # PayPal tries for three days, and signs when an event first leaves

    def account(self, name: str, key: str) -> dict[str, str]:
        """An app, and a secret of it."""
        credentials = {"client_id": f"app_acct_{name}", "client_secret": f"secret_acct_{name}_{key}"}
        return credentials | {"webhook_id": f"WH-{key}"}

    def pay(self, page: str) -> httpx.Response:
        """A wallet that is approved."""
        return self._approve(page, "paypal")

    def decline(self, page: str) -> None:
        """A wallet whose capture is refused."""
        assert self._approve(page, "paypal_declined").is_success

    def pay_slowly(self, page: str) -> None:
        """A wallet whose capture is under review."""
        assert self._approve(page, "paypal_held").is_success

    def settle(self, payment: Json, outcome: str) -> None:
        """Decide the capture, which is asked for after the approval is noted."""
        held = eventually(lambda: self.books.ledger(payment["order_id"], "charge"), "the capture")
        self.books.settle(self.name, held[-1]["id"], outcome)

    def dispute(self, payment: Json) -> httpx.Response:
        """A case in PayPal's resolution centre."""
        return self._claim_back(capture=self.books.ledger(payment["order_id"], "capture")[-1]["id"])

    def callback(self, about: Subject) -> Callback:
        """A capture that is completed."""
        event_id = f"WH-{uuid.uuid4().hex}"
        event = {
            "id": event_id,
            "event_version": "1.0",
            "create_time": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "resource_type": "capture",
            "resource_version": "2.0",
            "event_type": "PAYMENT.CAPTURE.COMPLETED",
            "summary": "Payment completed",
            "resource": {
                "id": f"CAPTURE{about.reference}",
                "status": "COMPLETED",
                "custom_id": about.payment_id,
                "supplementary_data": {"related_ids": {"order_id": about.reference}},
            },
        }
        return Callback(event_id, json.dumps(event).encode())

    def sign(self, body: bytes, *, at: float = 0.0) -> dict[str, str]:
        """The `PAYPAL-TRANSMISSION-*` headers, by the key of the sandbox's certificate."""
        key, certificate = self._certificate()
        transmission = str(uuid.uuid4())
        time = (datetime.now(UTC) + timedelta(seconds=at)).strftime("%Y-%m-%dT%H:%M:%SZ")
        message = f"{transmission}|{time}|{self._webhook_id()}|{zlib.crc32(body)}".encode()
        name = f"CERT-{certificate.fingerprint(hashes.SHA256()).hex()[:32]}"
        return {
            "paypal-auth-algo": "SHA256withRSA",
            "paypal-auth-version": "v2",
            "paypal-cert-url": f"{self.gateway.sandbox_url}/paypal/v1/notifications/certs/{name}",
            "paypal-transmission-id": transmission,
            "paypal-transmission-sig": base64.b64encode(key.sign(message, PKCS1v15(), hashes.SHA256())).decode(),
            "paypal-transmission-time": time,
        }

    def _approve(self, page: str, wallet: str) -> httpx.Response:
        return self._press(f"{page}/approve", payment_method=wallet)

    def _webhook_id(self) -> str:
        return self.secret("paypal_webhook_id")

    def _certificate(self) -> tuple[RSAPrivateKey, x509.Certificate]:
        pem, _, chain = (self.folder / "sandbox" / "paypal-webhooks.pem").read_bytes().partition(_BEGIN)
        key = load_pem_private_key(pem, None)
        assert isinstance(key, RSAPrivateKey)
        return key, x509.load_pem_x509_certificates(_BEGIN + chain)[0]
