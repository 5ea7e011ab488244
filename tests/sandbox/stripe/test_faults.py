"""Faults of the API and of the network, aimed by metadata."""

import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest
import stripe

from tests.sandbox.harness import Pay, Sandbox
from tests.support.providers.stripe_params import intent_params

PAID = {"payment_method": "pm_card_visa", "confirm": True}


@pytest.fixture
def fault(sandbox: Sandbox, order_id: str) -> Callable[..., Any]:
    def arm(kind: str, **more: Any) -> Any:
        body = {"kind": kind, "match": {"order_id": order_id}, "operation": "payment_intents.create", **more}
        return sandbox.post("faults", provider="stripe", **body)

    return arm


def test_a_fault_strikes_only_what_it_matches(
    fault: Callable[..., Any], pay: Pay, client: stripe.StripeClient, sandbox: Sandbox, order_id: str
) -> None:
    armed = fault("error_500", count=1)
    other = client.v1.payment_intents.create({"amount": 1000, "currency": "eur", "metadata": {"order_id": "x"}})
    assert other.status == "requires_payment_method"
    with pytest.raises(stripe.APIError):
        pay()
    assert pay().status == "succeeded"
    listed = {one["id"]: one for one in sandbox.get("faults")["faults"]}
    assert listed[armed["id"]]["hits"] == 1


def test_a_fault_follows_the_object_to_later_operations(
    fault: Callable[..., Any], pay: Pay, client: stripe.StripeClient
) -> None:
    intent = pay(capture_method="manual")
    fault("error_429", operation="payment_intents.capture", count=1)
    with pytest.raises(stripe.RateLimitError):
        client.v1.payment_intents.capture(intent.id)
    assert client.v1.payment_intents.capture(intent.id).status == "succeeded"
    fault("error_500", operation="refunds.*", count=1)
    with pytest.raises(stripe.APIError):
        client.v1.refunds.create({"payment_intent": intent.id})


def test_a_timeout_after_the_work_leaves_a_charge_that_a_retry_finds(
    fault: Callable[..., Any], sandbox: Sandbox, client: stripe.StripeClient, order_id: str
) -> None:
    fault("timeout_after", count=1, seconds=0.3)
    params = intent_params(**PAID, metadata={"order_id": order_id})
    with pytest.raises(stripe.APIConnectionError):
        client.v1.payment_intents.create(params, {"idempotency_key": f"k-{order_id}"})
    [capture] = sandbox.get("ledger", order_id=order_id, kind="capture")["entries"]
    retried = client.v1.payment_intents.create(params, {"idempotency_key": f"k-{order_id}"})
    assert retried.id == capture["object"]
    assert len(sandbox.get("ledger", order_id=order_id, kind="capture")["entries"]) == 1


def test_a_timeout_before_the_work_leaves_nothing(
    fault: Callable[..., Any], sandbox: Sandbox, pay: Pay, order_id: str
) -> None:
    fault("timeout_before", count=1, seconds=0.3)
    with pytest.raises(stripe.APIConnectionError):
        pay()
    assert sandbox.get("ledger", order_id=order_id)["entries"] == []


@pytest.mark.parametrize(("applied", "charges"), [(False, 0), (True, 2)])
def test_a_connection_reset_can_strike_before_or_after(
    fault: Callable[..., Any], sandbox: Sandbox, order_id: str, applied: bool, charges: int
) -> None:
    fault("connection_reset", count=1, applied=applied)
    body = f"amount=1000&currency=eur&confirm=true&payment_method=pm_card_visa&metadata[order_id]={order_id}"
    with pytest.raises(httpx.ReadError):
        httpx.post(
            f"{sandbox.url}/v1/payment_intents",
            content=body + "&payment_method_types[]=card",
            headers={"Authorization": "Bearer sk_test_of_the_sandbox"},
        )
    assert len(sandbox.get("ledger", order_id=order_id)["entries"]) == charges


def test_an_ambiguous_500_may_have_charged(
    fault: Callable[..., Any], sandbox: Sandbox, pay: Pay, order_id: str
) -> None:
    fault("error_500", count=1, applied=True)
    with pytest.raises(stripe.APIError):
        pay()
    assert len(sandbox.get("ledger", order_id=order_id, kind="capture")["entries"]) == 1


def test_the_sdk_retries_a_reset_connection_with_its_own_key(
    fault: Callable[..., Any], sandbox: Sandbox, order_id: str
) -> None:
    fault("connection_reset", count=1, applied=True)
    client = sandbox.client(max_network_retries=2)
    params = intent_params(**PAID, metadata={"order_id": order_id})
    assert client.v1.payment_intents.create(params).status == "succeeded"
    assert len(sandbox.get("ledger", order_id=order_id, kind="capture")["entries"]) == 1


def test_latency_is_spent_before_the_answer(fault: Callable[..., Any], pay: Pay) -> None:
    fault("latency", count=1, seconds=0.4)
    started = time.monotonic()
    pay()
    assert time.monotonic() - started >= 0.4


def test_a_removed_fault_is_gone(fault: Callable[..., Any], sandbox: Sandbox, pay: Pay) -> None:
    sandbox.delete(f"faults/{fault('error_500')['id']}")
    assert pay().status == "succeeded"


def test_a_malformed_fault_is_refused_by_name(sandbox: Sandbox) -> None:
    answer = httpx.post(f"{sandbox.url}/_sandbox/faults", json={"kind": "earthquake"})
    assert answer.status_code == 400
    assert answer.json()["error"][0]["loc"] == ["kind"]
