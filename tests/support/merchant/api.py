"""A merchant as a test sees it: an identity of its own, and a small client of the public REST API."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any, TypeVar
from uuid import UUID

import grpc
import httpx
from fusionx.identity.v1 import identity_pb2
from fusionx.identity.v1 import identity_service_pb2 as identity
from fusionx.identity.v1.identity_service_pb2_grpc import IdentityServiceStub
from google.protobuf.message import Message

from edge.domain import Mode
from mesh.ids import tenant_of
from stack.stack import Ready
from tests.support.merchant.receiver import Receiver
from tests.support.stack.mesh import dial_service
from tests.support.waiting import PATIENCE, POLL_SECONDS, eventually

Json = dict[str, Any]
AnswerT = TypeVar("AnswerT")
RETURN_URL = "https://shop.example/return"
LIVE = identity_pb2.ApiKey.LIVE
TRY_AGAIN = (409, 503, 504)
STRIPE_THEN_PAYPAL = {
    "rules": [
        {
            "name": "euros",
            "currencies": ["EUR"],
            "targets": [{"provider": "stripe", "weight": 1}, {"provider": "paypal", "weight": 0}],
        }
    ]
}
"""A routing policy: the second provider only when the first cannot."""


def _insist(call: Callable[..., AnswerT], request: Message) -> AnswerT:
    """Call until the service can: a database that has come back is seen by the next connection that asks for it."""

    def answer() -> AnswerT | None:
        try:
            return call(request, timeout=PATIENCE, wait_for_ready=True)
        except grpc.RpcError as error:
            if error.code() is not grpc.StatusCode.UNAVAILABLE:
                raise
            return None

    answered = eventually(answer, "an answer")
    assert answered is not None
    return answered


class Identities:
    """Merchants and keys, by the internal service that makes them."""

    def __init__(self, gateway: Ready) -> None:
        self._channel = dial_service(gateway, "edge")
        self.stub = IdentityServiceStub(self._channel)

    def close(self) -> None:
        """Close the channel."""
        self._channel.close()

    def new_merchant(self, **key: Any) -> tuple[str, identity_pb2.ApiKey]:
        """Create a merchant with a key; the fields of the request say what the key may do."""
        request = identity.CreateMerchantRequest(display_name=f"test {uuid.uuid4()}")
        merchant_id = _insist(self.stub.CreateMerchant, request).merchant_id
        return merchant_id, self.new_key(merchant_id, **key)

    def new_key(self, merchant_id: str, **key: Any) -> identity_pb2.ApiKey:
        """Create another key of a merchant."""
        request = identity.CreateApiKeyRequest(merchant_id=merchant_id, **key)
        return _insist(self.stub.CreateApiKey, request)

    def change(self, api_key_id: str, **fields: Any) -> identity_pb2.ApiKey:
        """Change what a key may do; fields are those of the contract."""
        request = identity.UpdateApiKeyRequest(api_key_id=api_key_id, **fields)
        return self.stub.UpdateApiKey(request, timeout=PATIENCE)

    def rotate(self, api_key_id: str, overlap: timedelta = timedelta()) -> identity_pb2.ApiKey:
        """Replace a key; without an overlap the old one ends at once."""
        request = identity.RotateApiKeyRequest(api_key_id=api_key_id)
        request.overlap.FromTimedelta(overlap)
        return self.stub.RotateApiKey(request, timeout=PATIENCE)

    def revoke(self, api_key_id: str) -> None:
        """Revoke a key."""
        self.stub.RevokeApiKey(identity.RevokeApiKeyRequest(api_key_id=api_key_id), timeout=PATIENCE)

    def disable(self, merchant_id: str) -> None:
        """Disable a merchant."""
        self.stub.DisableMerchant(identity.DisableMerchantRequest(merchant_id=merchant_id), timeout=PATIENCE)

    def enable(self, merchant_id: str) -> None:
        """Enable a merchant again."""
        self.stub.EnableMerchant(identity.EnableMerchantRequest(merchant_id=merchant_id), timeout=PATIENCE)

    def key(self, api_key_id: str) -> identity_pb2.ApiKey:
        """Return a key as it is now."""
        return self.stub.GetApiKey(identity.GetApiKeyRequest(api_key_id=api_key_id), timeout=PATIENCE)


class Merchant:
    """A merchant's identity, and its client of the REST API."""

    def __init__(self, edge_url: str, merchant_id: str, api_key: identity_pb2.ApiKey) -> None:
        self.merchant_id = merchant_id
        self.api_key_id = api_key.api_key_id
        self.secret = api_key.secret
        self.signing_secret = api_key.signing_secret
        self.tenant_id = str(tenant_of(UUID(merchant_id), Mode.LIVE if api_key.mode == LIVE else Mode.TEST))
        self.http = httpx.Client(base_url=edge_url, headers={"authorization": f"Bearer {self.secret}"}, timeout=30)

    @property
    def metadata(self) -> tuple[tuple[str, str], ...]:
        """The same key for native gRPC."""
        return (("authorization", f"Bearer {self.secret}"),)

    def get(self, path: str, **params: str | int) -> Json:
        """GET what must be there."""
        return _body(self.http.get(path, params=params))

    def post(self, path: str, body: Json, *, key: str = "") -> Json:
        """POST what must be taken."""
        return _body(self.http.post(path, json=body, headers=_idempotency(key)))

    def insist(self, path: str, body: Json, *, seconds: float = 60) -> Json:
        """POST under one Idempotency-Key, again and again while the gateway is out of reach: what clients should do."""
        headers = _idempotency(str(uuid.uuid4()))
        deadline = time.monotonic() + seconds
        while True:
            try:
                answer = self.http.post(path, json=body, headers=headers)
                if answer.status_code not in TRY_AGAIN or time.monotonic() > deadline:
                    return _body(answer)
            except httpx.TransportError:
                if time.monotonic() > deadline:
                    raise
            time.sleep(POLL_SECONDS)

    def listen(self, receiver: Receiver) -> None:
        """Have all events sent to a receiver."""
        receiver.secret = self.insist("/v1/webhook_endpoints", {"url": receiver.url})["secret"]

    def new_order(self, value: str = "12.00", currency: str = "EUR", **fields: Any) -> Json:
        """Create an order."""
        return self.post("/v1/orders", {"amount": {"value": value, "currency": currency}} | fields)

    def order(self, order_id: str) -> Json:
        """Return an order."""
        return self.get(f"/v1/orders/{order_id}")

    def payment(self, payment_id: str) -> Json:
        """Return a payment."""
        return self.get(f"/v1/payments/{payment_id}")

    def open_page(self, order_id: str) -> Json:
        """Start a payment on a hosted page."""
        payment = self.post("/v1/payments", hosted(order_id))
        assert payment["redirect_url"].startswith("http")
        return payment

    def charge(self, order_id: str, payment_method: str = "pm_card_visa", **fields: Any) -> Json:
        """Start a payment by a token that is confirmed at once."""
        return self.post("/v1/payments", direct(order_id, payment_method) | fields)

    def wait_for_order(self, order_id: str, status: str, *, seconds: float = PATIENCE) -> Json:
        """Wait until an order has a status, and return it."""
        return self._wait(f"/v1/orders/{order_id}", status, seconds)

    def wait_for_payment(self, payment_id: str, status: str, *, seconds: float = PATIENCE) -> Json:
        """Wait until a payment has a status, and return it."""
        return self._wait(f"/v1/payments/{payment_id}", status, seconds)

    def _wait(self, path: str, status: str, seconds: float) -> Json:
        last: Json = {}

        def reached() -> bool:
            try:
                answer = self.http.get(path)
            except httpx.TransportError as error:
                last.update(error=repr(error))
                return False
            last.update(answer.json())
            return answer.status_code == 200 and last["status"] == status

        try:
            eventually(reached, f"{path} in {status}", seconds=seconds)
        except AssertionError as error:
            raise AssertionError(f"{error}; last seen: {last}") from None
        return last


def hosted(order_id: str) -> Json:
    """Return the request for a payment on a hosted page."""
    return {"order_id": order_id, "provider": "stripe", "return_url": RETURN_URL}


def direct(order_id: str, payment_method: str = "pm_card_visa") -> Json:
    """Return the request for a payment by a token."""
    return {"order_id": order_id, "provider": "stripe", "payment_method": payment_method}


def _idempotency(key: str) -> dict[str, str]:
    return {"idempotency-key": key} if key else {}


def _body(answer: httpx.Response) -> Json:
    assert answer.status_code == 200, f"{answer.request.method} {answer.request.url}: {answer.text}"
    body: Json = answer.json()
    return body
