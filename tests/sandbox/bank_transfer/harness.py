"""A merchant's server that speaks the bank's API, and the customer beside it."""

import uuid
from dataclasses import dataclass
from typing import Any

import httpx

from tests.sandbox.harness import BANK_KEY, JSON, Sandbox, content_of
from tests.support.waiting import PATIENCE, eventually

TOKEN = "token-of-the-transfer"


@dataclass
class Bank:
    """Calls about one order."""

    sandbox: Sandbox
    http: httpx.Client
    order_id: str

    @staticmethod
    def session(sandbox: Sandbox) -> httpx.Client:
        headers = {"Authorization": f"Bearer {BANK_KEY}"}
        return httpx.Client(base_url=f"{sandbox.url}/bank/v1", headers=headers, timeout=PATIENCE)

    def post(self, path: str, body: JSON, key: str = "") -> httpx.Response:
        return self.http.post(path, json=body, headers={"Idempotency-Key": key or str(uuid.uuid4())})

    def get(self, path: str, **query: str) -> JSON:
        return content_of(self.http.get(path, params=query))

    def transfer(self, **more: Any) -> JSON:
        """The body of a request that announces a transfer."""
        fields = {"merchant_reference": f"payment-of-{self.order_id}", "amount": 1000, "currency": "EUR"}
        return {**fields, "callback_token": TOKEN, "metadata": {"order_id": self.order_id}, **more}

    def announced(self, **more: Any) -> JSON:
        return content_of(self.post("/transfers", self.transfer(**more)))

    def show(self, transfer: JSON) -> JSON:
        return self.get(f"/transfers/{transfer['id']}")

    def send(self, transfer: JSON, **fields: str) -> httpx.Response:
        """What the customer does, with a script's hands."""
        return httpx.post(f"{transfer['instructions_url']}/send", data=fields, headers={"Accept": "application/json"})

    def becomes(self, transfer: JSON, status: str) -> JSON:
        def reached() -> JSON | None:
            now = self.show(transfer)
            return now if now["status"] == status else None

        found: JSON = eventually(reached, f"{transfer['id']} is {status}")
        return found

    def settled(self, payer: str = "ordinary", **more: Any) -> JSON:
        transfer = self.announced(**more)
        self.send(transfer, payer=payer).raise_for_status()
        return self.becomes(transfer, "settled")

    def refund(self, transfer: JSON, amount: int | None = None, key: str = "") -> httpx.Response:
        body: JSON = {"merchant_reference": str(uuid.uuid4())} | ({"amount": amount} if amount else {})
        return self.post(f"/transfers/{transfer['id']}/refunds", body, key)

    def settle(self, thing: JSON, outcome: str = "succeeded") -> JSON:
        return self.sandbox.post("settle", provider="bank_transfer", id=thing["id"], outcome=outcome)

    def fault(self, kind: str, operation: str = "*", **more: Any) -> JSON:
        match = {"order_id": self.order_id}
        body = {"provider": "bank_transfer", "kind": kind, "operation": operation, "match": match, "count": 1}
        return self.sandbox.post("faults", **body | more)

    def ledger(self, kind: str) -> list[tuple[int, str]]:
        """Amounts and statuses of this order's lines."""
        entries = self.sandbox.get("ledger", provider="bank_transfer", kind=kind, order_id=self.order_id)["entries"]
        return [(entry["amount"], entry["status"]) for entry in entries]


def code(answer: httpx.Response, status: int) -> str:
    """The code that an error names."""
    assert answer.status_code == status, answer.text
    return str(answer.json()["error"]["code"])
