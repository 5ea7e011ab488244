"""PayPal as a test sees it: the page where a customer approves, and what a person there may decide."""

from __future__ import annotations

from typing import Any

import httpx

from tests.support.merchant.api import RETURN_URL, Json, Merchant
from tests.support.waiting import PATIENCE


class PaypalAccount:
    """The sandbox's PayPal pages and its control API (`docs/sandbox.md`)."""

    def __init__(self, url: str) -> None:
        self._http = httpx.Client(base_url=url, headers={"accept": "application/json"}, timeout=PATIENCE)

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

    def dispute(self, capture_id: str, action: str, **fields: str) -> None:
        """`create`, `update` or `close` the dispute of a capture, as the customer and PayPal do."""
        request = {"provider": "paypal", "capture": capture_id, "action": action} | fields
        self._http.post("/_sandbox/disputes", json=request).raise_for_status()

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


def open_page(merchant: Merchant, order_id: str, **fields: Any) -> Json:
    """Start a payment on PayPal's page."""
    body = {"order_id": order_id, "provider": "paypal", "return_url": RETURN_URL} | fields
    payment = merchant.post("/v1/payments", body)
    assert payment["status"] == "INITIATED", payment
    assert "/checkoutnow/" in payment["redirect_url"]
    return payment
