"""The bank's push transfers: announced, sent, settled or returned, refunded."""

import hashlib
import hmac
import json
import uuid
from typing import Any

import httpx
import pytest

from sandbox.bank_transfer import references
from tests.sandbox.bank_transfer.harness import TOKEN, Bank, code
from tests.sandbox.harness import SECRET, Receiver, Sandbox
from tests.support.waiting import eventually


def test_a_sent_transfer_settles_and_moves_the_money_once(bank: Bank) -> None:
    transfer = bank.announced(description="two pears")
    assert (transfer["status"], transfer["amount_received"]) == ("awaiting_funds", 0)
    assert bank.ledger("charge") == []
    assert bank.send(transfer).json()["status"] == "received"
    assert bank.send(transfer).status_code == 409
    assert bank.becomes(transfer, "settled")["amount_received"] == 1000
    assert (bank.ledger("charge"), bank.ledger("capture")) == ([(1000, "succeeded")], [(1000, "succeeded")])


def test_the_page_says_where_to_send_the_money_and_escapes_words(bank: Bank) -> None:
    transfer = bank.announced(description="tea & <b>cake</b>")
    page = httpx.get(transfer["instructions_url"]).text
    assert all(text in page for text in ("10.00 EUR", "tea &amp; &lt;b&gt;cake", transfer["payment_reference"]))


def test_the_reference_has_its_check_digits(bank: Bank) -> None:
    reference = bank.announced()["payment_reference"]
    assert references.is_valid(reference)
    wrong = reference[:-1] + ("A" if reference[-1] != "A" else "B")
    assert not references.is_valid(wrong)


def test_the_customer_goes_back_to_the_shop(bank: Bank) -> None:
    transfer = bank.announced(return_url="https://shop.example/back")
    page = transfer["instructions_url"]
    for button in ("leave", "send"):
        answer = httpx.post(f"{page}/{button}")
        assert (answer.status_code, answer.headers["location"]) == (303, "https://shop.example/back")


@pytest.mark.parametrize("amount", ["999", "1001"])
def test_another_amount_than_asked_for_is_taken_as_it_is(bank: Bank, amount: str) -> None:
    transfer = bank.announced()
    bank.send(transfer, amount=amount)
    assert bank.becomes(transfer, "settled")["amount_received"] == int(amount)
    assert bank.ledger("capture") == [(int(amount), "succeeded")]


@pytest.mark.parametrize("fields", [{"amount": "0"}, {"amount": "-5"}, {"amount": "1.5"}, {"payer": "nobody"}])
def test_the_page_refuses_what_cannot_be_sent(bank: Bank, fields: dict[str, str]) -> None:
    transfer = bank.announced()
    assert bank.send(transfer, **fields).status_code == 400
    assert bank.show(transfer) == transfer


@pytest.mark.parametrize(("payer", "reason"), [("no_funds", "insufficient_funds"), ("blocked", "account_blocked")])
def test_a_transfer_without_money_is_returned(bank: Bank, payer: str, reason: str) -> None:
    transfer = bank.announced()
    bank.send(transfer, payer=payer)
    assert bank.becomes(transfer, "returned")["reason"]["code"] == reason
    assert (bank.ledger("charge"), bank.ledger("capture")) == ([(1000, "failed")], [])


@pytest.mark.parametrize(("outcome", "status"), [("succeeded", "settled"), ("failed", "returned")])
def test_a_slow_transfer_waits_for_the_control_api(bank: Bank, outcome: str, status: str) -> None:
    transfer = bank.announced()
    bank.send(transfer, payer="slow")
    assert bank.settle(transfer, outcome)["status"] == status


@pytest.mark.parametrize(("outcome", "status"), [("succeeded", "settled"), ("expired", "expired")])
def test_a_transfer_that_nobody_sent_may_be_settled_or_expire(bank: Bank, outcome: str, status: str) -> None:
    transfer = bank.announced()
    assert bank.settle(transfer, outcome)["status"] == status
    assert bank.send(transfer).status_code == 409


def test_only_a_transfer_that_was_not_sent_is_cancelled(bank: Bank) -> None:
    transfer = bank.announced()
    answer = bank.post(f"/transfers/{transfer['id']}/cancel", {})
    assert answer.json()["status"] == "cancelled"
    assert bank.send(transfer).status_code == 409
    sent = bank.settled()
    assert code(bank.post(f"/transfers/{sent['id']}/cancel", {}), 422) == "transfer_not_cancellable"


def test_refunds_settle_later_and_never_exceed_what_was_received(bank: Bank) -> None:
    transfer = bank.settled()
    first = bank.refund(transfer, 400).json()
    assert (first["status"], bank.show(transfer)["amount_refunded"]) == ("pending", 400)
    eventually(lambda: bank.get(f"/refunds/{first['id']}")["status"] == "settled", "the refund")
    assert code(bank.refund(transfer, 601), 422) == "refund_too_large"
    assert bank.refund(transfer).json()["amount"] == 600
    assert code(bank.refund(transfer), 422) == "refund_too_large"
    assert bank.get("/refunds", merchant_reference=first["merchant_reference"])["data"][0]["id"] == first["id"]


@pytest.mark.parametrize("payer", ["refund_refused", "refund_bounced"])
def test_a_refund_that_fails_may_be_made_again(bank: Bank, payer: str) -> None:
    transfer = bank.settled(payer)
    refund = bank.refund(transfer).json()
    eventually(lambda: bank.get(f"/refunds/{refund['id']}")["status"] == "failed", "the failure")
    assert bank.show(transfer)["amount_refunded"] == 0
    assert bank.refund(transfer).status_code == 201


def test_what_was_not_settled_is_not_refunded(bank: Bank) -> None:
    assert code(bank.refund(bank.announced(), 1), 422) == "transfer_not_refundable"


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"amount": 0}, "amount"),
        ({"amount": "10"}, "amount"),
        ({"amount": True}, "amount"),
        ({"amount": 10**12}, "amount"),
        ({"currency": "USD"}, "currency"),
        ({"merchant_reference": ""}, "merchant_reference"),
        ({"callback_token": None}, "callback_token"),
        ({"metadata": {"order_id": 1}}, "metadata"),
        ({"metadata": ["order_id"]}, "metadata"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_a_wrong_request_names_the_field(bank: Bank, fields: dict[str, Any], field: str) -> None:
    answer = bank.post("/transfers", bank.transfer(**fields))
    assert code(answer, 400) == "invalid_request"
    assert answer.json()["error"]["field"] == field


def test_a_wrong_key_is_refused(bank: Bank) -> None:
    for headers in ({}, {"Authorization": "Bearer wrong"}):
        assert code(httpx.get(f"{bank.sandbox.url}/bank/v1/transfers", headers=headers), 401) == "unauthorized"


def test_the_same_key_makes_one_transfer(bank: Bank) -> None:
    key = str(uuid.uuid4())
    answers = [bank.post("/transfers", bank.transfer(), key) for _ in range(2)]
    assert answers[0].content == answers[1].content
    assert answers[1].headers["idempotent-replayed"] == "true"
    assert code(bank.post("/transfers", bank.transfer(amount=5), key), 422) == "idempotency_key_reused"
    assert code(bank.http.post("/transfers", json=bank.transfer()), 400) == "invalid_request"


def test_a_list_is_of_a_reference_and_of_a_span_of_time(bank: Bank) -> None:
    transfer = bank.announced()
    reference, at = transfer["merchant_reference"], transfer["created_at"]
    assert [one["id"] for one in bank.get("/transfers", merchant_reference=reference)["data"]] == [transfer["id"]]
    assert bank.get("/transfers", merchant_reference=reference, created_to=at)["data"] == []
    assert len(bank.get("/transfers", merchant_reference=reference, created_from=at)["data"]) == 1
    assert code(bank.http.get("/transfers", params={"created_from": "yesterday"}), 400) == "invalid_request"


def test_a_long_list_goes_on_page_after_page(bank: Bank) -> None:
    made = {bank.announced(merchant_reference=f"{bank.order_id}-{n}")["id"] for n in range(101)}
    found: list[str] = []
    cursor = ""
    while not made <= set(found):
        page = bank.get("/transfers", **{"cursor": cursor} if cursor else {})
        assert len(page["data"]) <= 100
        found += [one["id"] for one in page["data"]]
        cursor = page["next_cursor"]
        assert cursor or made <= set(found)
    assert len(found) == len(set(found))


def test_a_callback_is_signed_and_carries_the_token_and_nothing_else(bank: Bank, receiver: Receiver) -> None:
    transfer = bank.settled()
    [received] = receiver.wait(transfer["id"], "transfer.settled")
    assert received.path == "/webhooks/bank_transfer"
    timestamp, _, signature = received.headers["Bank-Signature"].removeprefix("t=").partition(",v1=")
    signed = f"{timestamp}.".encode() + received.body
    assert signature == hmac.new(SECRET.encode(), signed, hashlib.sha256).hexdigest()
    event = json.loads(received.body)
    assert event.keys() == {"event_id", "type", "transfer_id", "merchant_reference", "callback_token", "time"}
    assert (event["callback_token"], event["merchant_reference"]) == (TOKEN, transfer["merchant_reference"])


def test_a_callback_about_a_refund_names_it(bank: Bank, receiver: Receiver) -> None:
    refund = bank.refund(bank.settled()).json()
    [received, *_] = receiver.wait(refund["id"], "refund.settled")
    event = json.loads(received.body)
    assert (event["refund_id"], event["refund_reference"]) == (refund["id"], refund["merchant_reference"])


def test_faults_strike_before_and_after_the_work(bank: Bank) -> None:
    key = str(uuid.uuid4())
    bank.fault("timeout_after", "transfers.create", seconds=0.2)
    with pytest.raises(httpx.TransportError):
        bank.post("/transfers", bank.transfer(), key)
    assert bank.post("/transfers", bank.transfer(), key).headers["idempotent-replayed"] == "true"
    bank.fault("error_500", "transfers.create")
    assert code(bank.post("/transfers", bank.transfer()), 500) == "internal_error"
    bank.fault("error_429", "transfers.*")
    assert code(bank.post("/transfers", bank.transfer()), 429) == "rate_limited"


def test_webhook_faults_double_and_drop_callbacks(bank: Bank, receiver: Receiver) -> None:
    bank.fault("webhook_duplicate", "transfer.received", copies=2)
    bank.fault("webhook_drop", "transfer.settled")
    transfer = bank.settled()
    assert len(receiver.wait(transfer["id"], "transfer.received", count=3)) == 3
    dropped = bank.sandbox.get("webhooks", object=transfer["id"], type="transfer.settled")["deliveries"]
    assert [one["status"] for one in dropped] == ["dropped"]


def test_what_is_over_cannot_be_settled_or_disputed(bank: Bank, sandbox: Sandbox) -> None:
    transfer = bank.settled()
    body = {"provider": "bank_transfer", "id": transfer["id"]}
    assert httpx.post(f"{sandbox.url}/_sandbox/settle", json=body).status_code == 400
    assert httpx.post(f"{sandbox.url}/_sandbox/disputes", json=body).status_code == 400


def test_a_further_account_sees_its_own(bank: Bank) -> None:
    mine, key = bank.announced(), str(uuid.uuid4())
    other = Bank.session(bank.sandbox)
    other.headers["authorization"] = f"Bearer bank_acct_{uuid.uuid4().hex[:8]}"
    assert other.get("/account").json()["id"] != bank.get("/account")["id"]
    assert other.get(f"/transfers/{mine['id']}").status_code == 404
    made = [
        one.post("/transfers", json=bank.transfer(), headers={"idempotency-key": key}) for one in (bank.http, other)
    ]
    assert made[0].json()["id"] != made[1].json()["id"]
    assert [one["id"] for one in other.get("/transfers").json()["data"]] == [made[1].json()["id"]]
    other.close()
