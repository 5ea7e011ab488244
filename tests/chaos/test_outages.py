"""A part of the stack is away for a while: what can work goes on, the rest says so, and nothing is lost."""

from __future__ import annotations

from contextlib import closing

import httpx
import psutil
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from stack.stack import Ready, Stack
from tests.support.console import Console
from tests.support.merchant.api import Merchant
from tests.support.merchant.outcome import assert_paid
from tests.support.merchant.receiver import Receiver
from tests.support.providers.sandbox import Provider
from tests.support.stack.mesh import dial_service
from tests.support.waiting import PATIENCE, eventually

pytestmark = pytest.mark.xdist_group("chaos")
SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


def test_order_is_taken_while_nats_is_away_and_its_events_flow_afterwards(
    stack: Stack, merchant: Merchant, provider: Provider, receiver: Receiver
) -> None:
    stack.stop("nats")
    order = merchant.new_order()
    payment = merchant.charge(order["order_id"])
    assert (order["status"], payment["status"]) == ("NEW", "SUCCESS")
    assert merchant.order(order["order_id"])["status"] == "PROCESSING"
    assert not receiver.requests
    stack.start("nats")
    assert_paid(merchant, provider, receiver, order["order_id"])


def test_without_valkey_everything_works(
    stack: Stack, merchant: Merchant, provider: Provider, receiver: Receiver
) -> None:
    stack.stop("valkey")
    order = merchant.new_order()
    payment = merchant.open_page(order["order_id"])
    provider.pay(payment["redirect_url"])
    assert_paid(merchant, provider, receiver, order["order_id"])


def test_stopped_database_turns_readiness_off_and_on_without_a_restart(stack: Stack, merchant: Merchant) -> None:
    before = stack.ready.pids
    order = merchant.new_order()
    assert _health(stack.ready) == {SERVING}
    stack.stop("postgres")
    eventually(lambda: _health(stack.ready) == {NOT_SERVING}, "every service NOT_SERVING")
    answers = [
        merchant.http.get(f"/v1/orders/{order['order_id']}"),
        merchant.http.post("/v1/orders", json={"amount": {"value": "1.00", "currency": "EUR"}}),
        merchant.http.post("/v1/webhooks/stripe", json={}, headers={"stripe-signature": "t=1,v1=00"}),
    ]
    assert [_refusal(answer) for answer in answers[:2]] == [(503, 14)] * 2
    assert answers[2].status_code in (401, 503)
    stack.start("postgres")
    eventually(lambda: _health(stack.ready) == {SERVING}, "every service SERVING again")
    assert merchant.insist("/v1/orders", {"amount": {"value": "1.00", "currency": "EUR"}})["status"] == "NEW"
    assert merchant.order(order["order_id"])["status"] == "NEW"
    assert {name: pid for name, pid in stack.ready.pids.items() if name != "postgres"} == {
        name: pid for name, pid in before.items() if name != "postgres"
    }
    assert all(psutil.pid_exists(pid) for pid in stack.ready.pids.values())


def _health(ready: Ready) -> set[int]:
    """Ask every service for its health."""
    found = set()
    for name in ready.services:
        with dial_service(ready, name) as channel:
            answer = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=PATIENCE)
        found.add(answer.status)
    return found


def _refusal(answer: httpx.Response) -> tuple[int, int]:
    return answer.status_code, answer.json()["code"]


def test_operators_are_told_which_service_is_down_and_what_to_do(stack: Stack) -> None:
    with closing(Console(stack.ready)) as console:
        operator = console.operator
        stack.stop("notify_svc")
        page = operator.page("/platform")
        assert "ServiceDown" in page
        assert "notify_svc does not answer" in page
        assert 'href="/docs/runbooks/ServiceDown.html"' in page
        stack.start("notify_svc")
        eventually(lambda: "notify_svc does not answer" not in operator.page("/platform"), "that it is there again")
