"""A customer's bank asks the money back: the dispute follows the provider's, whatever events say and in what order."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.support.merchant.api import Json, Merchant
from tests.support.merchant.errors import problem
from tests.support.merchant.receiver import Receiver
from tests.support.providers.sandbox import Provider
from tests.support.waiting import eventually


def paid(merchant: Merchant) -> Json:
    payment = merchant.charge(merchant.new_order("30.00")["order_id"])
    merchant.wait_for_order(payment["order_id"], "SUCCESS")
    return payment


def dispute_of(merchant: Merchant, payment: Json, status: str) -> Json:
    """Wait until the payment's one dispute has a status."""

    def reached() -> Json | None:
        disputes = merchant.get("/v1/disputes", payment_id=payment["payment_id"])["disputes"]
        assert len(disputes) <= 1, disputes
        found: Json | None = next((one for one in disputes if one["status"] == status), None)
        return found

    found = eventually(reached, f"a dispute in {status}")
    assert found
    return found


@pytest.mark.parametrize("outcome", ["won", "lost"])
def test_outcome_comes_from_the_disputes_status(
    outcome: str, merchant: Merchant, provider: Provider, receiver: Receiver
) -> None:
    payment = paid(merchant)
    provider.dispute(payment["provider_reference"], "create", reason="product_not_received")
    opened = dispute_of(merchant, payment, "NEEDS_RESPONSE")
    assert (opened["amount"], opened["reason"]) == ({"value": "30.00", "currency": "EUR"}, "product_not_received")
    assert opened["respond_before"]
    # the provider has taken it, by which books are closed
    assert (opened["withdrawn_amount"], opened["in_refunds"]) == (opened["amount"], False)
    # when that was heard of; it was opened before
    assert opened["withdraw_time"] == opened["update_time"]
    provider.dispute(payment["provider_reference"], "update", status="under_review")
    dispute_of(merchant, payment, "UNDER_REVIEW")
    provider.dispute(payment["provider_reference"], "close", status=outcome)
    closed = dispute_of(merchant, payment, outcome.upper())
    assert merchant.get(f"/v1/disputes/{closed['dispute_id']}") == closed
    assert merchant.get("/v1/disputes", order_id=payment["order_id"])["disputes"] == [closed]
    assert merchant.get("/v1/disputes", order_id=merchant.new_order()["order_id"])["disputes"] == []
    assert ("reinstate_time" in closed) == (outcome == "won")
    assert closed["withdraw_time"] == opened["withdraw_time"]
    spans = {"withdraw_time_from": closed["withdraw_time"], "reinstate_time_from": closed["withdraw_time"]}
    for name, there in zip(spans, (True, outcome == "won"), strict=True):
        assert (merchant.get("/v1/disputes", **{name: spans[name]})["disputes"] == [closed]) == there
    receiver.wait_for("dispute.closed")
    told = [kind for _, kind in receiver.histories()[closed["dispute_id"]]]
    assert told == ["dispute.opened", "dispute.updated", "dispute.closed"]
    # money that a bank asks back is not a refund: the payment itself stays what it was
    assert merchant.payment(payment["payment_id"])["status"] == "SUCCESS"


def test_events_that_come_twice_and_reordered_make_one_dispute(merchant: Merchant, provider: Provider) -> None:
    payment = paid(merchant)
    held = provider.fault(payment["order_id"], "webhook_reorder", operation="charge.dispute.*", size=3, count=None)
    for action, status in (("create", ""), ("update", "under_review"), ("close", "lost")):
        provider.dispute(payment["provider_reference"], action, status=status)
    provider.disarm(held)
    dispute_of(merchant, payment, "LOST")


def test_another_merchants_dispute_is_not_there(
    merchant: Merchant, provider: Provider, new_merchant: Callable[[], Merchant]
) -> None:
    payment = paid(merchant)
    provider.dispute(payment["provider_reference"], "create")
    dispute = dispute_of(merchant, payment, "NEEDS_RESPONSE")
    stranger = new_merchant()
    assert problem(stranger.http.get(f"/v1/disputes/{dispute['dispute_id']}")) == (404, "DISPUTE_NOT_FOUND", set())
    assert stranger.get("/v1/disputes", payment_id=payment["payment_id"])["disputes"] == []
