"""Webhooks: signed, retried, and spoilt on demand."""

from typing import Any

import httpx
import pytest
import stripe

from tests.sandbox.harness import Pay, Receiver, Sandbox
from tests.support.waiting import eventually


def test_events_are_signed_over_the_exact_bytes(pay: Pay, receiver: Receiver) -> None:
    intent = pay()
    received = receiver.wait(intent.id, "payment_intent.succeeded")[0]
    event = received.verify()
    assert event.data.object.id == intent.id
    assert event.request
    assert str(event.request.id).startswith("req_")
    with pytest.raises(stripe.SignatureVerificationError):
        stripe.Webhook.construct_event(received.body + b" ", received.signature, "whsec_test_of_the_sandbox")


def test_a_payment_tells_its_whole_story(pay: Pay, receiver: Receiver) -> None:
    intent = pay()
    wanted = ["payment_intent.created", "charge.succeeded", "payment_intent.succeeded"]
    for event_type in wanted:
        receiver.wait(intent.id, event_type)


def test_a_refused_delivery_is_retried_and_logged(
    sandbox: Sandbox, receiver: Receiver, pay: Pay, order_id: str
) -> None:
    sandbox.post("faults", kind="webhook_drop", operation="charge.*", match={"order_id": order_id})
    receiver.answers[order_id] = [500, 302, 404]
    intent = pay(payment_method_types=["card"], capture_method="manual")
    deliveries = eventually(lambda: _delivered(sandbox, intent.id, 2), "both events arrive in the end")
    statuses = sorted(attempt["status"] for d in deliveries for attempt in d["history"])
    assert statuses == [200, 200, 302, 404, 500]


def test_a_dropped_event_can_be_resent(sandbox: Sandbox, receiver: Receiver, pay: Pay, order_id: str) -> None:
    sandbox.post("faults", kind="webhook_drop", operation="payment_intent.succeeded", match={"order_id": order_id})
    intent = pay()
    receiver.wait(intent.id, "charge.succeeded")
    dropped = sandbox.get("webhooks", object=intent.id, status="dropped")["deliveries"]
    assert [d["event_type"] for d in dropped] == ["payment_intent.succeeded"]
    assert receiver.about(intent.id, "payment_intent.succeeded") == []
    sandbox.post("webhooks/resend", event_id=dropped[0]["event_id"])
    assert receiver.wait(intent.id, "payment_intent.succeeded")[0].verify().id == dropped[0]["event_id"]


def test_a_duplicate_has_the_same_event_id(sandbox: Sandbox, receiver: Receiver, pay: Pay, order_id: str) -> None:
    sandbox.post(
        "faults",
        kind="webhook_duplicate",
        operation="payment_intent.succeeded",
        copies=2,
        match={"order_id": order_id},
    )
    intent = pay()
    events = receiver.wait(intent.id, "payment_intent.succeeded", count=3)
    assert len({received.verify().id for received in events}) == 1


def test_a_reordered_pair_arrives_in_reverse(sandbox: Sandbox, receiver: Receiver, pay: Pay, order_id: str) -> None:
    sandbox.post(
        "faults",
        kind="webhook_reorder",
        operation="payment_intent.*",
        count=2,
        match={"order_id": order_id},
    )
    intent = pay()
    receiver.wait(f'"{intent.id}"', "payment_intent.created")
    types = [r.verify().type for r in receiver.about(intent.id)]
    assert types.index("payment_intent.succeeded") < types.index("payment_intent.created")


def test_removing_a_reorder_fault_releases_what_it_holds(
    sandbox: Sandbox, receiver: Receiver, pay: Pay, order_id: str
) -> None:
    fault = sandbox.post("faults", kind="webhook_reorder", size=50, match={"order_id": order_id})
    intent = pay()
    assert {d["status"] for d in sandbox.get("webhooks", order_id=order_id)["deliveries"]} == {"held"}
    sandbox.delete(f"faults/{fault['id']}")
    receiver.wait(intent.id, "payment_intent.succeeded")


def test_a_corrupt_signature_fails_and_the_retry_is_good(
    sandbox: Sandbox, receiver: Receiver, pay: Pay, order_id: str
) -> None:
    event_type = "payment_intent.succeeded"
    sandbox.post("faults", kind="webhook_corrupt", operation=event_type, match={"order_id": order_id})
    receiver.answers[order_id] = [400] * 3
    intent = pay()
    bad, good = receiver.wait(intent.id, event_type, count=2)[:2]
    with pytest.raises(stripe.SignatureVerificationError):
        bad.verify()
    assert good.verify().data.object.id == intent.id


def test_a_delayed_event_comes_after_the_others(sandbox: Sandbox, receiver: Receiver, pay: Pay, order_id: str) -> None:
    created = "payment_intent.created"
    sandbox.post("faults", kind="webhook_delay", operation=created, seconds=0.5, match={"order_id": order_id})
    intent = pay()
    receiver.wait(intent.id, created)
    assert receiver.about(intent.id)[-1].verify().type == created


def test_paused_webhooks_wait_until_resumed(own_sandbox: Sandbox, receiver: Receiver) -> None:
    own_sandbox.post("webhooks/pause")
    intent = own_sandbox.client().v1.payment_intents.create({"amount": 1000, "currency": "eur"})
    waiting = own_sandbox.get("webhooks", object=intent.id)["deliveries"]
    assert [(d["status"], d["attempts"]) for d in waiting] == [("pending", 0)]
    own_sandbox.post("webhooks/resume")
    receiver.wait(intent.id, "payment_intent.created")


def test_an_unknown_event_cannot_be_resent(sandbox: Sandbox) -> None:
    answer = httpx.post(f"{sandbox.url}/_sandbox/webhooks/resend", json={"event_id": "evt_nothing"})
    assert answer.status_code == 400


def _delivered(sandbox: Sandbox, object_id: str, count: int) -> list[Any] | None:
    deliveries = sandbox.get("webhooks", object=object_id, status="delivered")["deliveries"]
    return deliveries if len(deliveries) == count else None
