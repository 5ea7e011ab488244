"""The process: what survives its death, what it logs, how it stops."""

import json
import signal
import socket
from typing import Any

import stripe

from tests.sandbox.harness import Receiver, Sandbox
from tests.support.providers.stripe_params import intent_params
from tests.support.waiting import PATIENCE, eventually

PAID = {"payment_method": "pm_card_visa", "confirm": True}


def test_nothing_is_lost_when_the_process_is_killed(own_sandbox: Sandbox, receiver: Receiver, order_id: str) -> None:
    own_sandbox.post("webhooks/pause")
    own_sandbox.post("faults", kind="latency", match={"order_id": "nobody"})
    client = own_sandbox.client()
    params = intent_params(**PAID, metadata={"order_id": order_id})
    intent = client.v1.payment_intents.create(params, {"idempotency_key": f"k-{order_id}"})
    own_sandbox.stop(signal.SIGKILL)

    own_sandbox.start()
    replayed = client.v1.payment_intents.create(params, {"idempotency_key": f"k-{order_id}"})
    assert replayed.id == intent.id
    entries = own_sandbox.get("ledger", order_id=order_id)["entries"]
    assert [entry["kind"] for entry in entries] == ["charge", "capture"]
    assert len(own_sandbox.get("faults")["faults"]) == 1
    assert receiver.about(intent.id) == []
    own_sandbox.post("webhooks/resume")
    receiver.wait(intent.id, "payment_intent.succeeded")


def test_an_outcome_falls_due_across_a_restart(own_sandbox: Sandbox, receiver: Receiver, order_id: str) -> None:
    own_sandbox.post("faults", kind="settle_delay", seconds=1, match={"order_id": order_id}, operation="settle.*")
    params = intent_params(payment_method="pm_usBankAccount_success", confirm=True, metadata={"order_id": order_id})
    intent = own_sandbox.client().v1.payment_intents.create(params)
    own_sandbox.stop(signal.SIGKILL)
    own_sandbox.start()
    receiver.wait(intent.id, "payment_intent.succeeded")


def test_it_stops_though_a_request_hangs(own_sandbox: Sandbox, order_id: str) -> None:
    own_sandbox.post("faults", kind="timeout_before", seconds=10 * PATIENCE, match={"order_id": order_id})
    hanging = _hanging_request(own_sandbox, order_id)
    eventually(lambda: own_sandbox.get("faults")["faults"][0]["hits"] == 1, "the request hangs")
    assert own_sandbox.stop() == 0, "long before the request would end"
    hanging.close()


def test_the_log_is_json_and_holds_no_secret(own_sandbox: Sandbox, receiver: Receiver, order_id: str) -> None:
    client = own_sandbox.client()
    about = {"order_id": order_id, "payment_id": "payment-7"}
    intent = client.v1.payment_intents.create(intent_params(**PAID, metadata=about))
    receiver.wait(intent.id, "payment_intent.succeeded")
    eventually(lambda: '"webhook"' in own_sandbox.log, "the delivery is logged")
    lines = [json.loads(line) for line in own_sandbox.log.splitlines()]
    request = next(line for line in lines if line.get("operation") == "payment_intents.create")
    assert request["component"] == "sandbox"
    assert (request["method"], request["status"], request["object"]) == ("POST", 200, intent.id)
    assert (request["payment_id"], request["order_id"]) == ("payment-7", order_id)
    delivery = next(line for line in lines if line["message"] == "webhook")
    assert delivery["event_type"].startswith(("payment_intent.", "charge."))
    assert "sk_test_of_the_sandbox" not in own_sandbox.log
    assert "whsec_test" not in own_sandbox.log


def test_an_unreachable_webhook_endpoint_is_retried_after_it_is_back(own_sandbox: Sandbox, receiver: Receiver) -> None:
    own_sandbox.stop()
    own_sandbox.webhook_url, good = "http://127.0.0.1:9/nobody", own_sandbox.webhook_url
    own_sandbox.start()
    intent = own_sandbox.client().v1.payment_intents.create({"amount": 1000, "currency": "eur"})
    [delivery] = eventually(
        lambda: [d for d in _deliveries(own_sandbox, intent) if d["attempts"]], "a first attempt failed"
    )
    assert delivery["history"][0]["error"] == "ConnectError"
    own_sandbox.stop()
    own_sandbox.webhook_url = good
    own_sandbox.start()
    receiver.wait(intent.id, "payment_intent.created")


def _deliveries(sandbox: Sandbox, intent: stripe.PaymentIntent) -> list[Any]:
    deliveries: list[Any] = sandbox.get("webhooks", object=intent.id)["deliveries"]
    return deliveries


def _hanging_request(sandbox: Sandbox, order_id: str) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", sandbox.port))
    body = f"amount=1000&currency=eur&metadata[order_id]={order_id}".encode()
    head = (
        "POST /v1/payment_intents HTTP/1.1\r\nHost: sandbox\r\nAuthorization: Bearer sk_test_of_the_sandbox\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    connection.sendall(head.encode() + body)
    return connection
