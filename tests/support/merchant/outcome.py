"""The one end that every payment flow must come to, whatever happened on the way."""

from __future__ import annotations

from tests.support.merchant.api import Json, Merchant
from tests.support.merchant.receiver import Receiver
from tests.support.providers.sandbox import Provider


def assert_paid(
    merchant: Merchant, provider: Provider, receiver: Receiver, order_id: str, *, seconds: float = 60
) -> Json:
    """Hold order, payment, the provider's books and the merchant's webhooks against each other; return the order."""
    order = merchant.wait_for_order(order_id, "SUCCESS", seconds=seconds)
    payment = merchant.wait_for_payment(order["payment_id"], "SUCCESS")
    assert payment["order_id"] == order_id
    assert payment["amount"] == order["amount"]
    assert len(provider.captures(order_id)) == 1
    receiver.wait_for("order.succeeded", seconds=seconds)
    receiver.wait_for("payment.succeeded", seconds=seconds)
    for resource in (order, payment):
        history = receiver.histories()[resource.get("payment_id" if resource is payment else "order_id", "")]
        assert [version for version, _ in history] == list(range(1, resource["version"] + 1)), history
    return order
