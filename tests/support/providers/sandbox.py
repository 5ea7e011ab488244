"""The provider as a test sees it: its books, its faults on demand, and the pages where a customer pays."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import stripe

from stack.stack import Ready
from stack.state import SECRETS_FILE
from tests.support.providers.stripe_params import intent_params
from tests.support.waiting import PATIENCE, eventually


class Provider:
    """The sandbox's control API and pages (`docs/sandbox.md`)."""

    def __init__(self, url: str, api_key: str) -> None:
        self.api = stripe.StripeClient(api_key, base_addresses={"api": url}).v1
        self._http = httpx.Client(base_url=url, headers={"accept": "application/json"}, timeout=PATIENCE)

    @classmethod
    def of(cls, stack: Ready) -> Provider:
        """Return the provider of a stack."""
        secrets = json.loads((Path(stack.log_dir).parent / SECRETS_FILE).read_text())
        return cls(stack.sandbox_url, secrets["stripe_api_key"])

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def signed(self, provider: str, body: bytes) -> dict[str, str]:
        """Return the headers by which a provider authenticates a body."""
        answer = self._http.post("/_sandbox/webhooks/sign", params={"provider": provider}, content=body)
        headers: dict[str, str] = answer.raise_for_status().json()
        return headers

    def ledger(self, order_id: str, kind: str) -> list[dict[str, Any]]:
        """Return the lines of an order in the provider's books: of kind `charge`, `capture` or `refund`."""
        answer = self._http.get("/_sandbox/ledger", params={"order_id": order_id, "kind": kind})
        entries: list[dict[str, Any]] = answer.raise_for_status().json()["entries"]
        return entries

    def captures(self, order_id: str) -> list[tuple[int, str]]:
        """Return amount and currency of every capture for an order: money that really moved."""
        return [(line["amount"], line["currency"]) for line in self.ledger(order_id, "capture")]

    def refunds(self, order_id: str) -> list[int]:
        """Return the amount of every refund for an order that the provider has not taken back."""
        lines = self.ledger(order_id, "refund")
        return [line["amount"] for line in lines if line["status"] not in ("failed", "canceled")]

    def charges(self, order_id: str) -> list[str]:
        """Return the outcome of every attempt to charge for an order."""
        return [line["status"] for line in self.ledger(order_id, "charge")]

    def wait_for_capture(self, order_id: str) -> None:
        """Wait until money has moved for an order."""
        eventually(lambda: self.captures(order_id), f"a capture for {order_id}")

    def fault(self, order_id: str, kind: str, **fields: Any) -> str:
        """Arm a fault that strikes this order's requests and webhooks alone, once unless told otherwise."""
        fault = {"kind": kind, "match": {"order_id": order_id}, "count": 1} | fields
        return str(self._http.post("/_sandbox/faults", json=fault).raise_for_status().json()["id"])

    def aim(self, account: str, kind: str, **fields: Any) -> None:
        """Arm a fault that strikes the calls of one further account alone."""
        fault = {"kind": kind, "match": {"@account": account}} | fields
        self._http.post("/_sandbox/faults", json=fault).raise_for_status()

    def outage(self, operation: str) -> str:
        """Have an operation answer 500 for everybody, until it is disarmed."""
        fault = {"kind": "error_500", "operation": operation, "stored": False}
        return str(self._http.post("/_sandbox/faults", json=fault).raise_for_status().json()["id"])

    def wait_for_hit(self, fault_id: str) -> None:
        """Wait until a fault has struck."""

        def struck() -> bool:
            faults = self._http.get("/_sandbox/faults").raise_for_status().json()["faults"]
            return any(fault["id"] == fault_id and fault["hits"] for fault in faults)

        eventually(struck, f"a hit of {fault_id}")

    def disarm(self, fault_id: str) -> None:
        """Remove a fault, and release the webhooks that it holds."""
        self._http.delete(f"/_sandbox/faults/{fault_id}").raise_for_status()

    def pay(self, page_url: str, payment_method: str = "pm_card_visa") -> httpx.Response:
        """Pay on a hosted page, as its button does."""
        return self._http.post(f"{page_url}/pay", data={"payment_method": payment_method})

    def answer_challenge(self, challenge_url: str, answer: str) -> None:
        """`approve` or `refuse` a 3-D Secure challenge."""
        assert self._http.post(f"{challenge_url}/{answer}").status_code in (200, 402)

    def settle(self, provider: str, object_id: str, outcome: str) -> None:
        """Decide what the provider has left open: `succeeded` or `failed`."""
        decision = {"provider": provider, "id": object_id, "outcome": outcome}
        self._http.post("/_sandbox/settle", json=decision).raise_for_status()

    def capture_elsewhere(self, amount: int, currency: str, **metadata: str) -> None:
        """Take money without the gateway, by the provider's own API, in an object that claims to be the gateway's."""
        params = intent_params(
            amount=amount, currency=currency, payment_method="pm_card_visa", confirm=True, metadata=metadata
        )
        self.api.payment_intents.create(params)

    def intent_of(self, order_id: str) -> str:
        """Return the provider's own id of the intent behind an order."""
        return self.api.payment_intents.search({"query": f"metadata['order_id']:'{order_id}'"}).data[0].id

    def void_elsewhere(self, order_id: str) -> None:
        """Cancel an authorization without the gateway, as from the provider's dashboard."""
        self.api.payment_intents.cancel(self.intent_of(order_id))

    def take_elsewhere(self, order_id: str, amount: int) -> None:
        """Capture an authorization without the gateway, as from the provider's dashboard."""
        self.api.payment_intents.capture(self.intent_of(order_id), {"amount_to_capture": amount})

    def resend(self, event_id: str) -> None:
        """Send a webhook again, as from the provider's dashboard."""
        self._http.post("/_sandbox/webhooks/resend", json={"event_id": event_id}).raise_for_status()

    def refund_elsewhere(self, order_id: str, amount: int) -> None:
        """Give money back without the gateway, as from the provider's dashboard."""
        intents = self.api.payment_intents.search({"query": f"metadata['order_id']:'{order_id}'"})
        self.api.refunds.create({"payment_intent": intents.data[0].id, "amount": amount})

    def dispute(self, intent: str, action: str, **fields: str) -> None:
        """`create`, `update` or `close` the dispute of a payment, as the customer's bank does."""
        request = {"payment_intent": intent, "action": action} | {name: text for name, text in fields.items() if text}
        self._http.post("/_sandbox/disputes", json=request).raise_for_status()

    def deliveries(self, **filters: str) -> list[dict[str, Any]]:
        """Return webhooks with their attempts."""
        deliveries: list[dict[str, Any]] = (
            self._http.get("/_sandbox/webhooks", params=filters).raise_for_status().json()["deliveries"]
        )
        return deliveries
