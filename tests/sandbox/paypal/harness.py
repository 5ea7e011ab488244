"""A merchant's server that speaks PayPal's REST API, and the payer beside it."""

from dataclasses import dataclass
from typing import Any

import httpx

from tests.sandbox.harness import CLIENT, JSON, Sandbox, content_of
from tests.support.waiting import PATIENCE


@dataclass
class Paypal:
    """Calls about one order; answers are `httpx.Response`s unless a status was promised."""

    sandbox: Sandbox
    http: httpx.Client
    order_id: str

    @property
    def payment_id(self) -> str:
        return f"payment-of-{self.order_id}"

    @staticmethod
    def log_in(sandbox: Sandbox) -> str:
        form = {"grant_type": "client_credentials"}
        answer = httpx.post(f"{sandbox.url}/paypal/v1/oauth2/token", data=form, auth=CLIENT)
        return str(answer.raise_for_status().json()["access_token"])

    @staticmethod
    def session(sandbox: Sandbox, token: str) -> httpx.Client:
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        return httpx.Client(base_url=f"{sandbox.url}/paypal", headers=headers, timeout=PATIENCE)

    def post(self, path: str, body: JSON | None = None, **headers: str) -> httpx.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.http.post(path, json=body, headers=named)

    def get(self, path: str) -> JSON:
        return content_of(self.http.get(path))

    def order(self, value: str = "10.00", currency: str = "EUR", intent: str = "CAPTURE", **unit: Any) -> JSON:
        """The body of a request that creates an order."""
        context = {"return_url": "https://shop.example/back?x=1", "cancel_url": "https://shop.example/no"}
        amount = {"currency_code": currency, "value": value}
        whole = {"reference_id": self.order_id, "custom_id": self.payment_id, "amount": amount, **unit}
        source = {"paypal": {"experience_context": {**context, "user_action": "PAY_NOW"}}}
        return {"intent": intent, "purchase_units": [whole], "payment_source": source}

    def create(self, *values: str, **more: Any) -> JSON:
        return content_of(self.post("/v2/checkout/orders", self.order(*values, **more)))

    def show(self, order: JSON) -> JSON:
        return self.get(f"/v2/checkout/orders/{order['id']}")

    def approve(self, order: JSON, method: str = "paypal") -> JSON:
        """What the payer does, with a script's hands."""
        url = f"{self.sandbox.url}/paypal/checkoutnow/{order['id']}/approve"
        answer = httpx.post(url, json={"payment_method": method}, headers={"Accept": "application/json"})
        return content_of(answer)

    def approved(self, method: str = "paypal", **more: Any) -> JSON:
        order = self.create(**more)
        self.approve(order, method)
        return order

    def capture(self, order: JSON, **headers: str) -> httpx.Response:
        return self.post(f"/v2/checkout/orders/{order['id']}/capture", None, **headers)

    def captured(self, method: str = "paypal", **more: Any) -> JSON:
        """The capture of a new order."""
        taken = self.capture(self.approved(method, **more))
        capture: JSON = content_of(taken)["purchase_units"][0]["payments"]["captures"][0]
        return capture

    def authorized(self, method: str = "paypal", **more: Any) -> JSON:
        """The authorization of a new order."""
        order = self.approved(method, intent="AUTHORIZE", **more)
        answer = self.post(f"/v2/checkout/orders/{order['id']}/authorize")
        authorization: JSON = content_of(answer)["purchase_units"][0]["payments"]["authorizations"][0]
        return authorization

    def refund(self, capture: JSON, value: str | None = None, currency: str = "EUR", **headers: str) -> httpx.Response:
        amount = {"amount": {"value": value, "currency_code": currency}} if value else None
        return self.post(f"/v2/payments/captures/{capture['id']}/refund", amount, **headers)

    def ledger(self, kind: str) -> list[tuple[int, str]]:
        """Amounts and statuses of this order's lines."""
        entries = self.sandbox.get("ledger", provider="paypal", kind=kind, payment_id=self.payment_id)["entries"]
        return [(entry["amount"], entry["status"]) for entry in entries]

    def settle(self, thing: JSON, outcome: str = "succeeded") -> JSON:
        return self.sandbox.post("settle", provider="paypal", id=thing["id"], outcome=outcome)


def issue(answer: httpx.Response, status: int = 422) -> str:
    """The issue that an error names."""
    assert answer.status_code == status, answer.text
    body = answer.json()
    assert body["debug_id"] == answer.headers["paypal-debug-id"]
    return str(body["details"][0]["issue"])


def link(resource: JSON, rel: str) -> str:
    """A link of a resource."""
    [found] = [one["href"] for one in resource["links"] if one["rel"] == rel]
    return str(found)
