"""The test clock: what waits of a merchant's test data happens sooner, and nothing of anybody else's."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import pytest

from tests.support.merchant.api import LIVE, Json, Merchant
from tests.support.merchant.receiver import Receiver
from tests.support.providers.sandbox import Provider
from tests.support.waiting import eventually

DAY_AND_MORE = "90000s"


def advance(merchant: Merchant, by: str = DAY_AND_MORE, key: str = "") -> Json:
    """Advance a merchant's clock, as soon as it may be."""

    def advanced() -> Json | None:
        headers = {"Idempotency-Key": key} if key else {}
        answer = merchant.http.post("/v1/test_clock/advance", json={"by": by}, headers=headers)
        if answer.status_code == 429:
            assert answer.json()["details"][0]["reason"] == "CLOCK_JUST_ADVANCED"
            return None
        answer.raise_for_status()
        return cast(Json, answer.json())

    return eventually(advanced, "the clock to go on")


def test_order_expires_and_nobody_elses_does(merchant: Merchant, new_merchant: Callable[..., Merchant]) -> None:
    neighbour = new_merchant()
    alive, order = neighbour.new_order(), merchant.new_order()
    assert advance(merchant)["advanced"] == DAY_AND_MORE
    expired = merchant.wait_for_order(order["order_id"], "EXPIRED")
    assert expired["expire_time"] < order["create_time"]
    assert neighbour.order(alive["order_id"]) == alive
    # what comes afterwards begins at the present
    later = merchant.new_order()
    assert merchant.order(later["order_id"]) == later


def test_paid_orders_stay_as_they_are(merchant: Merchant) -> None:
    order_id = merchant.new_order()["order_id"]
    merchant.charge(order_id)
    merchant.wait_for_order(order_id, "SUCCESS")
    paid = merchant.order(order_id)
    unpaid = merchant.new_order()["order_id"]
    advance(merchant)
    merchant.wait_for_order(unpaid, "EXPIRED")
    assert merchant.order(order_id) == paid


def test_webhook_that_failed_is_tried_again(merchant: Merchant, receiver: Receiver) -> None:
    receiver.retry_after = "7200"
    receiver.fail_next(1)
    order_id = merchant.new_order()["order_id"]
    eventually(lambda: receiver.requests, "the first attempt")

    def waits() -> bool:
        (endpoint,) = merchant.get("/v1/webhook_endpoints")["webhook_endpoints"]
        path = f"/v1/webhook_endpoints/{endpoint['webhook_endpoint_id']}/deliveries"
        return bool(merchant.get(path)["deliveries"][0]["attempts"])

    eventually(waits, "the failure to be noted")
    advance(merchant, "10800s")
    (event,) = receiver.wait_for("order.created")
    eventually(lambda: len(receiver.requests) == 2, "the second attempt")
    assert event["data"]["order"]["order_id"] == order_id


def test_idempotency_key_is_forgotten(merchant: Merchant) -> None:
    body = {"amount": {"value": "12.00", "currency": "EUR"}}
    first = merchant.post("/v1/orders", body, key="again")
    advance(merchant, "3600s")
    assert merchant.post("/v1/orders", body, key="again")["order_id"] == first["order_id"]
    advance(merchant)
    eventually(lambda: merchant.post("/v1/orders", body, key="again")["order_id"] != first["order_id"], "a new order")


def test_hold_that_nobody_captured_ends(merchant: Merchant) -> None:
    payment = merchant.charge(merchant.new_order()["order_id"], capture_method="MANUAL")
    merchant.wait_for_payment(payment["payment_id"], "AUTHORIZED")
    advance(merchant, f"{8 * 86400}s")
    merchant.wait_for_payment(payment["payment_id"], "CANCELLED")


def test_payment_whose_outcome_is_unknown_is_not_decided(merchant: Merchant, provider: Provider) -> None:
    order_id = merchant.new_order()["order_id"]
    fault = provider.fault(order_id, "error_500", operation="payment_intents.create", stored=False, count=None)
    payment = merchant.charge(order_id)
    assert payment["status"] == "PROCESSING"
    advance(merchant, f"{40 * 86400}s")
    assert merchant.payment(payment["payment_id"])["status"] == "PROCESSING"
    provider.disarm(fault)
    merchant.wait_for_payment(payment["payment_id"], "SUCCESS")
    assert merchant.wait_for_order(order_id, "SUCCESS")


def test_repetition_advances_once(merchant: Merchant) -> None:
    first = advance(merchant, key="once")
    assert advance(merchant, key="once") == first
    assert merchant.get("/v1/test_clock") == first
    assert advance(merchant)["advanced"] == "180000s"


def test_clock_rests_for_a_second(merchant: Merchant) -> None:
    """Each time is work for all services, beside what they do for everybody."""
    advance(merchant, "60s")
    answers = [merchant.http.post("/v1/test_clock/advance", json={"by": "60s"}).status_code for _ in range(5)]
    assert 429 in answers


def test_live_data_has_none(new_merchant: Callable[..., Merchant]) -> None:
    merchant = new_merchant(mode=LIVE)
    order = merchant.new_order()
    for answer in (
        merchant.http.get("/v1/test_clock"),
        merchant.http.post("/v1/test_clock/advance", json={"by": DAY_AND_MORE}),
    ):
        assert (answer.status_code, answer.json()["details"][0]["reason"]) == (400, "TEST_MODE_ONLY")
        assert "sk_test_" in answer.json()["message"]
    assert merchant.order(order["order_id"]) == order


@pytest.mark.parametrize("by", ["-1s", "0s", "31622401s", None])
def test_it_goes_forwards_and_not_too_far(by: str | None, merchant: Merchant) -> None:
    answer = merchant.http.post("/v1/test_clock/advance", json={"by": by} if by else {})
    assert (answer.status_code, answer.json()["details"][1]["field_violations"][0]["field"]) == (400, "by")
