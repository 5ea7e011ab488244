"""Refunds and disputes."""

import pytest
import stripe

from tests.sandbox.harness import Pay, Receiver, Sandbox
from tests.support.waiting import eventually


def test_refunds_never_exceed_what_was_captured(
    sandbox: Sandbox, client: stripe.StripeClient, pay: Pay, order_id: str
) -> None:
    intent = pay()
    client.v1.refunds.create({"payment_intent": intent.id, "amount": 300, "metadata": {"refund": "a"}})
    client.v1.refunds.create({"charge": str(intent.latest_charge), "amount": 500})
    with pytest.raises(stripe.InvalidRequestError) as too_much:
        client.v1.refunds.create({"payment_intent": intent.id, "amount": 201})
    assert too_much.value.param == "amount"
    rest = client.v1.refunds.create({"payment_intent": intent.id})
    assert (rest.amount, rest.status) == (200, "succeeded")
    with pytest.raises(stripe.InvalidRequestError) as again:
        client.v1.refunds.create({"payment_intent": intent.id})
    assert again.value.code == "charge_already_refunded"
    assert client.v1.charges.retrieve(str(intent.latest_charge)).refunded
    refunds = sandbox.get("ledger", order_id=order_id, kind="refund")["entries"]
    assert [entry["amount"] for entry in refunds] == [300, 500, 200]
    listed = client.v1.refunds.list({"payment_intent": intent.id, "limit": 2})
    assert len(listed.data) == 2
    assert listed.has_more


def test_only_a_captured_payment_can_be_refunded(client: stripe.StripeClient, pay: Pay) -> None:
    intent = pay(capture_method="manual")
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.refunds.create({"payment_intent": intent.id})


def test_a_pending_refund_succeeds_later(client: stripe.StripeClient, pay: Pay, receiver: Receiver) -> None:
    intent = pay("pm_card_pendingRefund")
    refund = client.v1.refunds.create({"payment_intent": intent.id})
    assert refund.status == "pending"
    receiver.wait(refund.id, "refund.updated")
    assert client.v1.refunds.retrieve(refund.id).status == "succeeded"


def test_a_refund_can_fail_late_and_gives_the_amount_back(
    client: stripe.StripeClient, pay: Pay, receiver: Receiver
) -> None:
    intent = pay("pm_card_refundFail")
    refund = client.v1.refunds.create({"payment_intent": intent.id})
    assert refund.status == "succeeded"
    receiver.wait(refund.id, "refund.failed")
    assert client.v1.refunds.retrieve(refund.id).failure_reason == "expired_or_canceled_card"
    assert client.v1.charges.retrieve(str(intent.latest_charge)).amount_refunded == 0


def test_a_settle_delay_fault_keeps_a_refund_pending(
    sandbox: Sandbox, client: stripe.StripeClient, pay: Pay, order_id: str
) -> None:
    sandbox.post("faults", kind="settle_delay", seconds=3600, match={"order_id": order_id})
    refund = client.v1.refunds.create({"payment_intent": pay("pm_card_pendingRefund").id})
    sandbox.post("settle", id=refund.id, outcome="failed")
    assert client.v1.refunds.retrieve(refund.id).status == "failed"


def test_a_dispute_card_is_charged_back(client: stripe.StripeClient, pay: Pay, receiver: Receiver) -> None:
    intent = pay("pm_card_createDispute")
    event = receiver.wait(intent.id, "charge.dispute.created")[0].verify()
    assert event.data.object.status == "needs_response"
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        client.v1.refunds.create({"payment_intent": intent.id})
    assert refusal.value.code == "charge_disputed"


def test_a_dispute_runs_its_course_through_the_control_api(
    sandbox: Sandbox, client: stripe.StripeClient, pay: Pay, receiver: Receiver
) -> None:
    intent = pay()
    dispute = sandbox.post("disputes", payment_intent=intent.id)
    sandbox.post("disputes", charge=intent.latest_charge, action="update", status="under_review")
    sandbox.post("disputes", charge=intent.latest_charge, action="close", status="won")
    event = receiver.wait(dispute["id"], "charge.dispute.closed")[0].verify()
    assert event.data.object.status == "won"
    assert client.v1.disputes.retrieve(dispute["id"]).status == "won"
    listed = client.v1.disputes.list({"payment_intent": intent.id})
    assert [found.id for found in listed.data] == [dispute["id"]]


def test_events_can_be_listed_and_fetched(client: stripe.StripeClient, pay: Pay) -> None:
    intent = pay()
    listed = client.v1.events.list({"type": "payment_intent.succeeded", "limit": 100})
    event = next(event for event in listed.data if event.data.object.id == intent.id)
    assert client.v1.events.retrieve(event.id).type == "payment_intent.succeeded"


def test_a_bank_debit_that_fails_later_reopens_the_intent(
    sandbox: Sandbox, client: stripe.StripeClient, pay: Pay
) -> None:
    intent = pay("pm_usBankAccount_failed")
    failed = eventually(
        lambda: client.v1.payment_intents.retrieve(intent.id).last_payment_error, "the debit has failed"
    )
    assert failed.code == "payment_method_provider_decline"
