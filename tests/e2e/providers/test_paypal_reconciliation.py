"""PayPal's books against ours: what was taken there is what we say was taken."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from fusionx.payment.v1 import provider_service_pb2 as provider_pb2
from fusionx.payment.v1.provider_service_pb2_grpc import ProviderServiceStub

from stack.stack import Ready
from tests.support.merchant.api import Json, Merchant
from tests.support.providers.paypal import PaypalAccount, open_page
from tests.support.providers.sandbox import Provider
from tests.support.stack.mesh import dial_service
from tests.support.waiting import PATIENCE

Kind = provider_pb2.Discrepancy.Kind


def differences(gateway: Ready, since: datetime, *payments: Json) -> list[Any]:
    """Compare the books of the last moments, and return what differs about some payments."""
    request = provider_pb2.CompareBooksRequest(provider="paypal")
    request.from_time.FromDatetime(since)
    request.to_time.FromDatetime(datetime.now(UTC) + timedelta(minutes=1))
    with dial_service(gateway, "payment_svc") as channel:
        compared = ProviderServiceStub(channel).CompareBooks(request, timeout=PATIENCE)
    assert compared.provider_payments
    ids = {payment["payment_id"] for payment in payments}
    return [found for found in compared.discrepancies if found.payment_id in ids]


def test_what_was_captured_is_in_both_books(merchant: Merchant, paypal: PaypalAccount, gateway: Ready) -> None:
    since = datetime.now(UTC) - timedelta(minutes=1)
    at_once = open_page(merchant, merchant.new_order("12.00")["order_id"])
    by_hand = open_page(merchant, merchant.new_order("10.00")["order_id"], capture_method="MANUAL")
    unpaid = open_page(merchant, merchant.new_order("8.00")["order_id"])
    paypal.approve(at_once["redirect_url"])
    paypal.approve(by_hand["redirect_url"])
    merchant.wait_for_payment(at_once["payment_id"], "SUCCESS")
    merchant.wait_for_payment(by_hand["payment_id"], "AUTHORIZED")
    part = {"amount": {"value": "6.50", "currency": "EUR"}}
    merchant.post(f"/v1/payments/{by_hand['payment_id']}/capture", part)
    merchant.post(f"/v1/payments/{at_once['payment_id']}/refunds", {})
    assert differences(gateway, since, at_once, by_hand, unpaid) == []


def test_capture_whose_answer_was_lost_differs_until_it_is_heard_of(
    merchant: Merchant, paypal: PaypalAccount, provider: Provider, gateway: Ready
) -> None:
    since = datetime.now(UTC) - timedelta(minutes=1)
    order_id = merchant.new_order("12.00")["order_id"]
    payment = open_page(merchant, order_id)
    lost = provider.fault(order_id, "webhook_drop", operation="*.COMPLETED", count=None)
    provider.fault(order_id, "timeout_after", operation="orders.capture", seconds=5)
    paypal.approve(payment["redirect_url"])
    provider.wait_for_capture(order_id)
    [found] = differences(gateway, since, payment)
    assert (Kind.Name(found.kind), found.provider_amount.value) == ("STATE_DIFFERS", "12.00")
    provider.disarm(lost)
    merchant.wait_for_payment(payment["payment_id"], "SUCCESS")
    assert differences(gateway, since, payment) == []
