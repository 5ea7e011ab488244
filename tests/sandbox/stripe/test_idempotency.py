"""Idempotency keys: what is replayed, refused, and forgotten."""

import threading
import uuid
from typing import Any

import httpx
import pytest
import stripe

from tests.sandbox.harness import Pay, Sandbox
from tests.support.providers.stripe_params import intent_params
from tests.support.waiting import PATIENCE, eventually

PARAMS = intent_params()


@pytest.fixture
def key() -> str:
    return f"key-{uuid.uuid4()}"


def test_the_same_request_is_answered_byte_for_byte(sandbox: Sandbox, key: str) -> None:
    answers = [_post(sandbox, key, "amount=1000&currency=eur") for _ in range(2)]
    assert answers[0].content == answers[1].content
    assert "idempotent-replayed" not in answers[0].headers
    assert answers[1].headers["idempotent-replayed"] == "true"
    assert answers[1].headers["original-request"] == answers[0].headers["request-id"]


def test_a_decline_is_replayed_and_charged_once(
    sandbox: Sandbox, pay: Pay, order_id: str, client: stripe.StripeClient, key: str
) -> None:
    declined = {"confirm": True, "payment_method": "pm_card_chargeDeclined"}
    params = intent_params(**declined, metadata={"order_id": order_id})
    for _ in range(2):
        with pytest.raises(stripe.CardError):
            client.v1.payment_intents.create(params, {"idempotency_key": key})
    assert len(sandbox.get("ledger", order_id=order_id)["entries"]) == 1


def test_other_parameters_under_the_same_key_are_refused(client: stripe.StripeClient, key: str) -> None:
    client.v1.payment_intents.create(PARAMS, {"idempotency_key": key})
    with pytest.raises(stripe.IdempotencyError) as refusal:
        client.v1.payment_intents.create(intent_params(amount=1001), {"idempotency_key": key})
    assert refusal.value.http_status == 400


def test_a_validation_failure_leaves_the_key_free(client: stripe.StripeClient, key: str) -> None:
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.payment_intents.create(intent_params(amount=1), {"idempotency_key": key})
    assert client.v1.payment_intents.create(PARAMS, {"idempotency_key": key}).amount == 1000


def test_a_refusal_by_state_is_kept(client: stripe.StripeClient, pay: Pay, key: str) -> None:
    intent = pay()
    answers = []
    for _ in range(2):
        with pytest.raises(stripe.InvalidRequestError) as refusal:
            client.v1.payment_intents.capture(intent.id, options={"idempotency_key": key})
        answers.append(refusal.value)
    assert answers[1].headers
    assert answers[1].headers["idempotent-replayed"] == "true"


def test_a_500_is_replayed_and_says_not_to_retry(
    sandbox: Sandbox, client: stripe.StripeClient, order_id: str, key: str
) -> None:
    sandbox.post("faults", kind="error_500", count=1, match={"order_id": order_id})
    params = intent_params(metadata={"order_id": order_id})
    for _ in range(2):
        with pytest.raises(stripe.APIError) as failure:
            client.v1.payment_intents.create(params, {"idempotency_key": key})
        assert failure.value.http_status == 500
    assert failure.value.headers
    assert failure.value.headers["idempotent-replayed"] == "true"
    fresh = client.v1.payment_intents.create(params, {"idempotency_key": f"{key}-2"})
    assert fresh.status == "requires_payment_method"


def test_a_500_from_before_the_endpoint_is_not_kept(
    sandbox: Sandbox, client: stripe.StripeClient, order_id: str, key: str
) -> None:
    sandbox.post("faults", kind="error_500", count=1, stored=False, match={"order_id": order_id})
    params = intent_params(metadata={"order_id": order_id})
    with pytest.raises(stripe.APIError) as failure:
        client.v1.payment_intents.create(params, {"idempotency_key": key})
    assert failure.value.headers
    assert failure.value.headers["stripe-should-retry"] == "true"
    assert client.v1.payment_intents.create(params, {"idempotency_key": key}).amount == 1000


def test_a_concurrent_request_with_the_key_is_a_conflict(sandbox: Sandbox, order_id: str, key: str) -> None:
    # longer than a loaded machine takes to send the second
    sandbox.post("faults", kind="latency", seconds=4, count=1, match={"order_id": order_id})
    body = f"amount=1000&currency=eur&metadata[order_id]={order_id}"
    answers: list[httpx.Response] = []
    slow = threading.Thread(target=lambda: answers.append(_post(sandbox, key, body)))
    slow.start()
    eventually(lambda: _hits(sandbox, order_id), "the slow request is under way")
    conflict = _post(sandbox, key, body)
    slow.join()
    assert conflict.status_code == 409
    assert conflict.json()["error"]["code"] == "idempotency_key_in_use"
    assert conflict.headers["stripe-should-retry"] == "true"
    assert answers[0].status_code == 200
    assert _post(sandbox, key, body).content == answers[0].content


def _hits(sandbox: Sandbox, order_id: str) -> list[Any]:
    faults = sandbox.get("faults")["faults"]
    return [fault for fault in faults if fault["match"] == {"order_id": order_id} and fault["hits"]]


def _post(sandbox: Sandbox, key: str, body: str) -> httpx.Response:
    return httpx.post(
        f"{sandbox.url}/v1/payment_intents",
        content=body,
        auth=("sk_test_of_the_sandbox", ""),
        headers={"Idempotency-Key": key, "Content-Type": "application/x-www-form-urlencoded"},
        timeout=PATIENCE,
    )
