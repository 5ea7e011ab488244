"""Orders on their own: cancelling, the architecture's paths, and gRPC."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import grpc
import pytest
from fusionx.order.v1 import order_pb2
from fusionx.order.v1 import order_service_pb2 as orders
from fusionx.order.v1.order_service_pb2_grpc import OrderServiceStub
from fusionx.payment.v1 import payment_pb2
from fusionx.payment.v1 import payment_service_pb2 as payments
from fusionx.payment.v1.payment_service_pb2_grpc import PaymentServiceStub
from fusionx.type.v1 import money_pb2

from stack.stack import Ready
from tests.support.merchant.api import Json, Merchant, direct, hosted
from tests.support.merchant.errors import problem
from tests.support.merchant.receiver import Receiver
from tests.support.providers.sandbox import Provider
from tests.support.providers.stripe_events import Stripe
from tests.support.waiting import eventually


def test_cancelling_is_told_once_however_often_it_is_asked(merchant: Merchant, receiver: Receiver) -> None:
    order_id = merchant.new_order()["order_id"]
    answers = [merchant.post(f"/v1/orders/{order_id}/cancel", {}) for _ in range(3)]
    assert [(answer["status"], answer["version"]) for answer in answers] == [("CANCELLED", 2)] * 3
    receiver.wait_for("order.cancelled")
    assert receiver.histories()[order_id] == [(1, "order.created"), (2, "order.cancelled")]


def test_cancelled_order_cannot_be_paid(merchant: Merchant, provider: Provider) -> None:
    order_id = merchant.new_order()["order_id"]
    merchant.post(f"/v1/orders/{order_id}/cancel", {})
    assert problem(merchant.http.post("/v1/payments", json=direct(order_id)))[1] == "ORDER_NOT_PAYABLE"
    assert provider.charges(order_id) == []
    assert merchant.get("/v1/payments", order_id=order_id)["payments"] == []


@pytest.mark.parametrize("request_of", [direct, hosted])
def test_order_with_a_payment_cannot_be_cancelled(request_of: Callable[[str], Json], merchant: Merchant) -> None:
    order_id = merchant.new_order()["order_id"]
    merchant.post("/v1/payments", request_of(order_id))
    answer = merchant.http.post(f"/v1/orders/{order_id}/cancel", json={})
    assert problem(answer) == (400, "ORDER_NOT_CANCELLABLE", set())


def test_expired_order_cannot_be_paid(merchant: Merchant, provider: Provider) -> None:
    soon = datetime.now(UTC) + timedelta(seconds=1)
    order_id = merchant.new_order(expire_time=soon.isoformat())["order_id"]
    eventually(lambda: datetime.now(UTC) > soon, "the order's end")
    assert problem(merchant.http.post("/v1/payments", json=direct(order_id)))[1] == "ORDER_NOT_PAYABLE"
    assert provider.charges(order_id) == []


@pytest.mark.parametrize("before", ["NEW", "FAILED"])
def test_order_that_is_not_paid_in_time_expires_and_the_merchant_hears_of_it(
    before: str, merchant: Merchant, receiver: Receiver
) -> None:
    soon = datetime.now(UTC) + timedelta(seconds=3)
    order_id = merchant.new_order(expire_time=soon.isoformat())["order_id"]
    if before == "FAILED":
        merchant.charge(order_id, "pm_card_chargeDeclined")
    merchant.wait_for_order(order_id, before)
    expired = merchant.wait_for_order(order_id, "EXPIRED")
    eventually(lambda: (expired["version"], "order.expired") in receiver.histories()[order_id], "order.expired")
    assert problem(merchant.http.post(f"/v1/orders/{order_id}/cancel", json={}))[1] == "ORDER_NOT_CANCELLABLE"


def test_order_under_payment_does_not_expire(merchant: Merchant, provider: Provider) -> None:
    soon = datetime.now(UTC) + timedelta(seconds=2)
    order_id = merchant.new_order(expire_time=soon.isoformat())["order_id"]
    page = merchant.open_page(order_id)["redirect_url"]
    other = merchant.new_order(expire_time=soon.isoformat())["order_id"]
    merchant.wait_for_order(other, "EXPIRED")
    provider.pay(page)
    merchant.wait_for_order(order_id, "SUCCESS")


def test_architecture_paths_carry_the_whole_flow(merchant: Merchant, provider: Provider, stripe: Stripe) -> None:
    order = merchant.post("/order/create", {"amount": {"value": "3.00", "currency": "EUR"}})
    assert merchant.get(f"/order/{order['order_id']}") == order
    payment = merchant.post("/payment/request", direct(order["order_id"]))
    assert payment["status"] == "SUCCESS"
    assert stripe.post(stripe.event("payment_intent.succeeded"), path="/payment/callback").status_code == 200
    assert merchant.wait_for_order(order["order_id"], "SUCCESS")["payment_id"] == payment["payment_id"]


@pytest.fixture
def channel(gateway: Ready) -> Iterator[grpc.Channel]:
    """Native gRPC to the public listener."""
    with grpc.insecure_channel(gateway.edge_grpc) as channel:
        yield channel


def test_native_grpc_speaks_the_same_contract(channel: grpc.Channel, merchant: Merchant) -> None:
    metadata = (*merchant.metadata, ("idempotency-key", "k"))
    amount = money_pb2.Money(value="9.99", currency="EUR")
    order, call = OrderServiceStub(channel).CreateOrder.with_call(
        orders.CreateOrderRequest(amount=amount), metadata=metadata, timeout=10
    )
    again, repeated = OrderServiceStub(channel).CreateOrder.with_call(
        orders.CreateOrderRequest(amount=amount), metadata=metadata, timeout=10
    )
    assert again == order
    assert "idempotent-replayed" not in dict(call.initial_metadata())
    assert dict(repeated.initial_metadata())["idempotent-replayed"] == "true"
    payment = PaymentServiceStub(channel).CreatePayment(
        payments.CreatePaymentRequest(order_id=order.order_id, provider="stripe", payment_method="pm_card_visa"),
        metadata=merchant.metadata,
        timeout=10,
    )
    assert (order.status, payment.status) == (order_pb2.Order.NEW, payment_pb2.Payment.SUCCESS)
    assert merchant.order(order.order_id)["order_id"] == order.order_id


def test_native_grpc_needs_a_key(channel: grpc.Channel) -> None:
    with pytest.raises(grpc.RpcError) as refused:
        OrderServiceStub(channel).GetOrder(orders.GetOrderRequest(), timeout=10)
    assert refused.value.code() == grpc.StatusCode.UNAUTHENTICATED
