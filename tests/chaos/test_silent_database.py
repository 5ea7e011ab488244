"""Connections to the databases fall silent and stay open: services go on within seconds, or say that they cannot."""

from __future__ import annotations

import time

import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from stack.stack import Ready
from tests.support.merchant.api import Merchant
from tests.support.merchant.outcome import assert_paid
from tests.support.merchant.receiver import Receiver
from tests.support.providers.sandbox import Provider
from tests.support.stack.chaos import ChaosStack
from tests.support.stack.mesh import dial_service
from tests.support.waiting import eventually

pytestmark = pytest.mark.xdist_group("chaos")
SERVICES = ("order_svc", "payment_svc", "notify_svc")
SECONDS = 20.0
"""Within which everything goes on: what is waited for is given up after 5 s, some of it twice."""
SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


@pytest.mark.slow
def test_connections_that_fall_silent_stop_nothing_for_long(
    chaos: ChaosStack, merchant: Merchant, provider: Provider, receiver: Receiver
) -> None:
    """Case 22. Requests, group commit, relays, consumers and senders all hold one, or are given one that is silent."""
    with chaos.silenced(SERVICES) as proxy:
        eventually(lambda: _health(chaos.ready) == {SERVING}, "every service SERVING")
        _pay(merchant)
        for _ in range(2):
            proxy.hold()
            begun = time.monotonic()
            order = _pay(merchant)
            assert time.monotonic() - begun < 2 * SECONDS
            _assert_paid_and_told(merchant, provider, receiver, order["order_id"])


@pytest.mark.slow
def test_database_host_that_vanished_turns_readiness_off_and_on(
    chaos: ChaosStack, merchant: Merchant, provider: Provider, receiver: Receiver
) -> None:
    with chaos.silenced(SERVICES) as proxy:
        eventually(lambda: _health(chaos.ready) == {SERVING}, "every service SERVING")
        order = _pay(merchant)
        proxy.freeze()
        eventually(lambda: _health(chaos.ready) == {NOT_SERVING}, "every service NOT_SERVING", seconds=SECONDS)
        proxy.thaw()
        eventually(lambda: _health(chaos.ready) == {SERVING}, "every service SERVING again", seconds=SECONDS)
        for order_id in (order["order_id"], _pay(merchant)["order_id"]):
            _assert_paid_and_told(merchant, provider, receiver, order_id)


def _pay(merchant: Merchant) -> dict[str, str]:
    order = merchant.insist("/v1/orders", {"amount": {"value": "12.00", "currency": "EUR"}})
    charge = {"order_id": order["order_id"], "provider": "stripe", "payment_method": "pm_card_visa"}
    merchant.insist("/v1/payments", charge)
    return order


def _assert_paid_and_told(merchant: Merchant, provider: Provider, receiver: Receiver, order_id: str) -> None:
    order = merchant.wait_for_order(order_id, "SUCCESS", seconds=SECONDS)
    ids = {order_id, order["payment_id"]}

    def are_told() -> bool:
        told = {resource for resource, known in receiver.histories().items() if known[-1][1].endswith(".succeeded")}
        return told >= ids

    eventually(are_told, "the merchant's events", seconds=SECONDS)
    assert_paid(merchant, provider, receiver, order_id)


def _health(ready: Ready) -> set[int]:
    """Ask the services for their health."""
    found = set()
    for name in SERVICES:
        with dial_service(ready, name) as channel:
            answer = health_pb2_grpc.HealthStub(channel).Check(
                health_pb2.HealthCheckRequest(), timeout=10, wait_for_ready=True
            )
        found.add(answer.status)
    return found
