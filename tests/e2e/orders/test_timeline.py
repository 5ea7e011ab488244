"""An order's timeline: what happened, who caused it, under which trace."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.support.merchant.api import Json, Merchant
from tests.support.merchant.errors import problem
from tests.support.providers.sandbox import Provider
from tests.support.waiting import eventually


def timeline(merchant: Merchant, order_id: str) -> list[Json]:
    entries: list[Json] = merchant.get(f"/v1/orders/{order_id}/timeline")["entries"]
    return entries


def told(entries: list[Json], resource: str) -> list[tuple[int, str]]:
    return [(entry["version"], entry["status"]) for entry in entries if entry["resource"] == resource]


def test_timeline_tells_the_whole_story_of_a_declined_then_paid_then_refunded_order(
    merchant: Merchant, provider: Provider
) -> None:
    order = merchant.http.post("/v1/orders", json={"amount": {"value": "9.00", "currency": "EUR"}})
    order_id = order.json()["order_id"]
    payment = merchant.open_page(order_id)
    provider.pay(payment["redirect_url"], "pm_card_chargeDeclined")
    eventually(lambda: merchant.payment(payment["payment_id"]).get("failure"), "the decline")
    provider.pay(payment["redirect_url"])
    merchant.wait_for_order(order_id, "SUCCESS")
    refund = merchant.post(f"/v1/payments/{payment['payment_id']}/refunds", {})
    merchant.wait_for_order(order_id, "REFUNDED")
    paid = "stripe checkout.session.completed"
    eventually(lambda: any(entry["detail"].startswith(paid) for entry in timeline(merchant, order_id)), "the webhooks")

    entries = timeline(merchant, order_id)
    assert told(entries, "order") == [(1, "NEW"), (2, "PROCESSING"), (3, "SUCCESS"), (4, "REFUNDED")]
    assert [status for _, status in told(entries, "attempt")] == ["OPEN", "FAILED", "SUCCEEDED"]
    assert [version for version, _ in told(entries, "payment")] == list(
        range(1, merchant.payment(payment["payment_id"])["version"] + 1)
    )
    assert told(entries, "refund")[-1][1] == "SUCCESS"
    assert {entry["resource_id"] for entry in entries if entry["resource"] == "refund"} == {refund["refund_id"]}
    assert all(entry["actor"] in ("merchant", "provider", "gateway") and entry["cause"] for entry in entries)
    assert all(len(entry["trace_id"]) == 32 for entry in entries)

    first = entries[0]
    assert (first["actor"], first["cause"], first["status"]) == ("merchant", "CreateOrder", "NEW")
    assert first["trace_id"] == order.headers["x-request-id"].replace("-", "")
    declined = next(entry for entry in entries if entry["resource"] == "attempt" and entry["status"] == "FAILED")
    assert declined["actor"] == "provider"
    assert "card_declined" in declined["detail"]
    # an attempt that the webhook told of has the webhook's trace
    webhook = next(entry for entry in entries if entry["resource"] == "webhook" and entry["status"] == "APPLIED")
    assert webhook["cause"].startswith("webhook:stripe:")


def test_timeline_of_another_merchants_order_is_not_there(
    merchant: Merchant, new_merchant: Callable[[], Merchant]
) -> None:
    order_id = merchant.new_order()["order_id"]
    answer = new_merchant().http.get(f"/v1/orders/{order_id}/timeline")
    assert problem(answer) == (404, "ORDER_NOT_FOUND", set())
    assert told(timeline(merchant, order_id), "order") == [(1, "NEW")]


@pytest.mark.parametrize("size", [1, 2, 3])
def test_pages_tell_the_same_as_the_whole(merchant: Merchant, size: int) -> None:
    payment = merchant.charge(merchant.new_order()["order_id"])
    merchant.post(f"/v1/payments/{payment['payment_id']}/refunds", {"amount": {"value": "1.00", "currency": "EUR"}})
    path = f"/v1/orders/{payment['order_id']}/timeline"
    seen: list[Json] = []
    token = ""
    while True:
        page = merchant.get(path, page_size=size, page_token=token)
        seen += page["entries"]
        token = page["next_page_token"]
        if not token:
            break
        assert len(page["entries"]) == size
    # what has come in meanwhile is behind what had been told
    whole = merchant.get(path)["entries"]
    assert len(seen) >= 5
    assert {str(entry) for entry in seen} <= {str(entry) for entry in whole}
    assert len({str(entry) for entry in seen}) == len(seen)


def test_token_of_another_orders_timeline_is_refused(merchant: Merchant) -> None:
    payment = merchant.charge(merchant.new_order()["order_id"])
    token = merchant.get(f"/v1/orders/{payment['order_id']}/timeline", page_size=1)["next_page_token"]
    other = merchant.new_order()["order_id"]
    for path, given in ((other, token), (payment["order_id"], "AAAA"), (payment["order_id"], token[:-2] + "xx")):
        answer = merchant.http.get(f"/v1/orders/{path}/timeline", params={"page_token": given})
        assert problem(answer)[:2] == (400, "PAGE_TOKEN_INVALID")
