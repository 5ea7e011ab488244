"""PayPal as a test sees it: the page where a customer approves, and what a person there may decide."""

from __future__ import annotations

import base64
import json
import uuid
import zlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509 import load_pem_x509_certificate

from cli.stack import Ready
from cli.state import SECRETS_FILE
from tests.support.merchant import RETURN_URL, Json, Merchant


class PaypalAccount:
    """The sandbox's PayPal pages and its control API (`docs/sandbox.md`)."""

    def __init__(self, url: str) -> None:
        self._http = httpx.Client(base_url=url, headers={"accept": "application/json"}, timeout=30)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def approve(self, page_url: str, method: str = "paypal") -> httpx.Response:
        """Approve on the hosted page, and close the browser before it returns."""
        return self._http.post(f"{page_url}/approve", json={"payment_method": method})

    def return_url(self, page_url: str) -> str:
        """Approve, and say where the browser is sent."""
        return self._location(f"{page_url}/approve", {"payment_method": "paypal"})

    def cancel_url(self, page_url: str) -> str:
        """Turn back, and say where the browser is sent."""
        return self._location(f"{page_url}/cancel", {})

    def settle(self, object_id: str, outcome: str) -> None:
        """Decide what is pending, or take back what was done."""
        decision = {"provider": "paypal", "id": object_id, "outcome": outcome}
        self._http.post("/_sandbox/settle", json=decision).raise_for_status()

    def lines(self, order_id: str, kind: str) -> list[Json]:
        """Return the lines of the ledger for an order of ours."""
        params = {"provider": "paypal", "order_id": order_id, "kind": kind}
        answer = self._http.get("/_sandbox/ledger", params=params).raise_for_status()
        lines: list[Json] = answer.json()["entries"]
        return lines

    def calls(self, order_id: str, event_type: str) -> list[Json]:
        """Return the deliveries of one type of event about an order of ours."""
        params = {"order_id": order_id, "type": event_type}
        answer = self._http.get("/_sandbox/webhooks", params=params).raise_for_status()
        deliveries: list[Json] = answer.json()["deliveries"]
        return deliveries

    def delivered(self, order_id: str, event_type: str) -> bool:
        """Whether an event about an order of ours has been taken in by the gateway."""
        return any(one["status"] == "delivered" for one in self.calls(order_id, event_type))

    def _location(self, url: str, form: Json) -> str:
        answer = self._http.post(url, data=form, headers={"accept": "text/html"}, follow_redirects=False)
        assert answer.status_code == 303, answer.text
        return answer.headers["location"]


class PaypalSender:
    """A sender of webhooks that has stolen the simulated PayPal's key."""

    def __init__(self, gateway: Ready) -> None:
        folder = Path(gateway.log_dir).parent
        self._webhook_id = json.loads((folder / SECRETS_FILE).read_text())["paypal_webhook_id"]
        stolen = (folder / "sandbox" / "paypal-webhooks.pem").read_bytes()
        key = load_pem_private_key(stolen, None)
        assert isinstance(key, RSAPrivateKey)
        self._key = key
        name = load_pem_x509_certificate(stolen).fingerprint(hashes.SHA256()).hex()[:32]
        self.cert_url = f"{gateway.sandbox_url}/paypal/v1/notifications/certs/CERT-{name}"
        self._edge_url = gateway.edge_url

    def event(self, event_type: str, order_id: str, payment_id: str) -> bytes:
        """Return an event about an order of PayPal's; each has an id of its own."""
        resource = {"id": order_id, "purchase_units": [{"custom_id": payment_id}], "status": "COMPLETED"}
        now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        event = {"id": f"WH-{uuid.uuid4().hex}", "create_time": now, "event_type": event_type}
        return json.dumps(event | {"resource_type": "checkout-order", "resource": resource}).encode()

    def headers(self, body: bytes, **changes: str) -> dict[str, str]:
        """Return the headers of a delivery; some of them changed after it was signed."""
        transmission, at = str(uuid.uuid4()), datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        signed = f"{transmission}|{at}|{self._webhook_id}|{zlib.crc32(body)}".encode()
        signature = self._key.sign(signed, PKCS1v15(), hashes.SHA256())
        return {
            "content-type": "application/json",
            "paypal-auth-algo": "SHA256withRSA",
            "paypal-cert-url": self.cert_url,
            "paypal-transmission-id": transmission,
            "paypal-transmission-sig": base64.b64encode(signature).decode(),
            "paypal-transmission-time": at,
        } | {f"paypal-{name.replace('_', '-')}": value for name, value in changes.items()}

    def post(self, body: bytes, headers: dict[str, str], path: str = "/v1/webhooks/paypal") -> httpx.Response:
        """Send a webhook."""
        return httpx.post(f"{self._edge_url}{path}", content=body, headers=headers, timeout=30)


def open_page(merchant: Merchant, order_id: str, **fields: Any) -> Json:
    """Start a payment on PayPal's page."""
    body = {"order_id": order_id, "provider": "paypal", "return_url": RETURN_URL} | fields
    payment = merchant.post("/v1/payments", body)
    assert payment["status"] == "INITIATED", payment
    assert "/checkoutnow/" in payment["redirect_url"]
    return payment
