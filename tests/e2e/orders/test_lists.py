"""Lists: newest first, page by page, by filters, and never another merchant's."""

from __future__ import annotations

import uuid
from collections.abc import Callable

import psycopg
import pytest

from order_svc.storage import orders as repository
from stack.stack import Ready
from tests.support.merchant.api import Json, Merchant
from tests.support.merchant.errors import problem


def pages(merchant: Merchant, path: str, kind: str, **params: str | int) -> list[list[Json]]:
    """Walk through a list."""
    found: list[list[Json]] = []
    token = ""
    while True:
        page = merchant.get(path, page_token=token, **params)
        found.append(page[kind])
        token = page["next_page_token"]
        if not token:
            return found


def test_pages_hold_every_order_once_newest_first(merchant: Merchant) -> None:
    made = [merchant.new_order()["order_id"] for _ in range(7)]
    found = pages(merchant, "/v1/orders", "orders", page_size=3)
    assert [len(page) for page in found] == [3, 3, 1]
    assert [order["order_id"] for page in found for order in page] == made[::-1]


def test_last_page_that_is_full_has_no_token(merchant: Merchant) -> None:
    for _ in range(2):
        merchant.new_order()
    assert [len(page) for page in pages(merchant, "/v1/orders", "orders", page_size=2)] == [2]


def test_order_that_is_created_meanwhile_moves_no_page(merchant: Merchant) -> None:
    made = [merchant.new_order()["order_id"] for _ in range(2)]
    first = merchant.get("/v1/orders", page_size=1)
    merchant.new_order()
    second = merchant.get("/v1/orders", page_size=1, page_token=first["next_page_token"])
    assert [order["order_id"] for order in first["orders"] + second["orders"]] == made[::-1]


def test_filters_choose_orders(merchant: Merchant) -> None:
    cancelled = merchant.new_order(merchant_order_id="A")["order_id"]
    merchant.post(f"/v1/orders/{cancelled}/cancel", {})
    fresh = merchant.new_order(merchant_order_id="B")["order_id"]

    def ids(**params: str | int) -> list[str]:
        return [order["order_id"] for order in merchant.get("/v1/orders", **params)["orders"]]

    assert ids() == [fresh, cancelled]
    assert ids(status="NEW") == [fresh]
    assert ids(merchant_order_id="A") == [cancelled]
    assert ids(merchant_order_id="A", status="NEW") == []


def test_any_of_an_orders_filters_chooses(merchant: Merchant) -> None:
    cancelled = merchant.new_order("5.00", metadata={"cart": "7", "shop": "a"})
    merchant.post(f"/v1/orders/{cancelled['order_id']}/cancel", {})
    paid = merchant.new_order("20.00", metadata={"cart": "8"})
    payment = merchant.charge(paid["order_id"])
    merchant.post(f"/v1/payments/{payment['payment_id']}/refunds", {"amount": {"value": "1.50", "currency": "EUR"}})
    merchant.wait_for_order(paid["order_id"], "PARTIALLY_REFUNDED")
    fresh = merchant.new_order("20.00", "USD")
    a, b, c = (order["order_id"] for order in (cancelled, paid, fresh))

    def ids(**params: str | int | list[str]) -> list[str]:
        answer = merchant.http.get("/v1/orders", params=params)
        assert answer.status_code == 200, answer.text
        return [order["order_id"] for order in answer.json()["orders"]]

    assert ids(statuses=["CANCELLED", "NEW"]) == [c, a]
    assert ids(statuses=["CANCELLED", "NEW"], status="NEW") == [c]
    assert ids(metadata_key="cart", metadata_value="7") == [a]
    assert ids(currency="EUR", min_amount="5.01") == [b]
    assert ids(currency="EUR", min_amount="5", max_amount="20.00", order_by="create_time asc") == [a, b]
    # half-open: what begins at a moment is in, what ends there is not
    assert ids(create_time_from=paid["create_time"], order_by="create_time asc") == [b, c]
    assert ids(create_time_to=paid["create_time"]) == [a]
    assert ids(create_time_from=paid["create_time"], create_time_to=fresh["create_time"]) == [b]
    # what people write for "no start", "no end" and "any amount"
    always: dict[str, str] = {"create_time_from": "0001-01-01T00:00:00Z", "create_time_to": "9999-12-31T23:59:59.999Z"}
    assert ids(**always, min_amount="0.00") == [c, b, a]
    assert ids(**{name.replace("create", "update"): value for name, value in always.items()}) == [c, b, a]
    changed = merchant.order(b)
    assert ids(update_time_from=changed["update_time"]) == [c, b]
    assert ids(update_time_to=changed["update_time"]) == [a]
    assert changed["paid_amount"]["value"] == "20.00"
    assert changed["refunded_amount"]["value"] == "1.50"
    assert "open_amount" not in changed
    assert merchant.order(c)["open_amount"] == {"value": "20.00", "currency": "USD"}


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"create_time_from": "2026-01-02T00:00:00Z", "create_time_to": "2026-01-02T00:00:00Z"}, "create_time_to"),
        ({"create_time_from": "yesterday"}, "create_time_from"),
        ({"min_amount": "5.00"}, "currency"),
        ({"min_amount": "5,00", "currency": "EUR"}, "min_amount"),
        ({"order_by": "amount"}, "order_by"),
        ({"metadata_value": "7"}, "metadata_key"),
        ({"statuses": "PAID"}, "statuses"),
    ],
)
def test_filter_that_is_wrong_is_named(params: dict[str, str], field: str, merchant: Merchant) -> None:
    assert problem(merchant.http.get("/v1/orders", params=params)) == (400, "INVALID_ARGUMENT", {field})


def test_pages_go_on_in_both_directions_with_filters(merchant: Merchant) -> None:
    made = [merchant.new_order()["order_id"] for _ in range(5)]
    for order_by, expected in (("create_time asc", made), ("create_time desc", made[::-1])):
        found = pages(merchant, "/v1/orders", "orders", page_size=2, order_by=order_by, currency="EUR")
        assert [order["order_id"] for page in found for order in page] == expected


def test_refunds_and_payments_of_all_orders_are_found(merchant: Merchant, new_merchant: Callable[[], Merchant]) -> None:
    made = []
    for value in ("3.00", "4.00"):
        payment = merchant.charge(merchant.new_order()["order_id"])
        body = {"amount": {"value": value, "currency": "EUR"}}
        made.append(merchant.post(f"/v1/payments/{payment['payment_id']}/refunds", body))

    def ids(path: str, kind: str, **params: str | list[str]) -> list[str]:
        answer = merchant.http.get(path, params=params)
        assert answer.status_code == 200, answer.text
        return [found[f"{kind[:-1]}_id"] for found in answer.json()[kind]]

    assert ids("/v1/refunds", "refunds") == [made[1]["refund_id"], made[0]["refund_id"]]
    assert ids("/v1/refunds", "refunds", currency="EUR", min_amount="3.50") == [made[1]["refund_id"]]
    assert ids("/v1/refunds", "refunds", payment_id=made[0]["payment_id"]) == [made[0]["refund_id"]]
    assert ids("/v1/refunds", "refunds", order_id=made[0]["order_id"], statuses=["SUCCESS"]) == [made[0]["refund_id"]]
    assert ids("/v1/payments", "payments", provider="paypal") == []
    both = ids("/v1/payments", "payments", provider="stripe", statuses=["SUCCESS", "REQUIRES_ACTION"])
    assert both == [made[1]["payment_id"], made[0]["payment_id"]]
    reference = merchant.get(f"/v1/payments/{both[0]}")["provider_reference"]
    assert ids("/v1/payments", "payments", provider_reference=reference) == [both[0]]
    assert ids("/v1/payments", "payments", provider_reference=reference, provider="stripe") == [both[0]]
    assert ids("/v1/payments", "payments", provider_reference=reference, provider="paypal") == []
    assert ids("/v1/payments", "payments", provider_reference=reference, statuses=["FAILED"]) == []
    assert ids("/v1/payments", "payments", provider_reference=reference[:-1]) == []
    for known in (reference, reference[:-1]):
        answer = merchant.http.get("/v1/payments", params={"provider_reference": known, "page_token": "no-token"})
        assert answer.status_code == 400, answer.text
    other = new_merchant()
    assert other.get("/v1/payments", provider_reference=reference).get("payments", []) == []
    waiting = merchant.charge(
        merchant.new_order()["order_id"], "pm_card_threeDSecure2Required", return_url="https://a.b/"
    )
    assert ids("/v1/payments", "payments", status="REQUIRES_ACTION") == [waiting["payment_id"]]
    assert ids("/v1/payments", "payments", status="PROCESSING") == []


def test_filters_choose_payments(merchant: Merchant) -> None:
    orders = [merchant.new_order()["order_id"] for _ in range(2)]
    failed = merchant.charge(orders[0], "pm_card_chargeDeclined")["payment_id"]
    paid = merchant.charge(orders[1])["payment_id"]

    def ids(**params: str | int) -> list[str]:
        found = pages(merchant, "/v1/payments", "payments", page_size=1, **params)
        return [payment["payment_id"] for page in found for payment in page]

    assert ids() == [paid, failed]
    assert ids(status="FAILED") == [failed]
    assert ids(order_id=orders[1]) == [paid]
    assert ids(order_id=orders[1], status="FAILED") == []


@pytest.mark.parametrize("path", ["/v1/orders", "/v1/payments"])
def test_token_is_good_for_its_own_filters_only(path: str, merchant: Merchant) -> None:
    for _ in range(2):
        merchant.charge(merchant.new_order()["order_id"], "pm_card_chargeDeclined")
    token = merchant.get(path, page_size=1)["next_page_token"]
    assert merchant.get(path, page_size=2, page_token=token)
    for params in ({"page_token": token, "status": "SUCCESS"}, {"page_token": "bm9uZQ"}, {"page_token": "§"}):
        assert problem(merchant.http.get(path, params=params)) == (400, "PAGE_TOKEN_INVALID", {"page_token"})


@pytest.mark.parametrize("path", ["/v1/orders", "/v1/payments"])
@pytest.mark.parametrize("size", [-1, 101])
def test_page_size_has_bounds(path: str, size: int, merchant: Merchant) -> None:
    assert problem(merchant.http.get(path, params={"page_size": size})) == (400, "INVALID_ARGUMENT", {"page_size"})


def test_merchants_see_only_their_own(new_merchant: Callable[[], Merchant]) -> None:
    owner, other = new_merchant(), new_merchant()
    order_id = owner.new_order(merchant_order_id="A")["order_id"]
    payment_id = owner.charge(order_id)["payment_id"]
    assert other.get("/v1/orders", merchant_order_id="A")["orders"] == []
    assert other.get("/v1/payments", order_id=order_id)["payments"] == []
    refused = [
        other.http.get(f"/v1/orders/{order_id}"),
        other.http.get(f"/v1/payments/{payment_id}"),
        other.http.post(f"/v1/orders/{order_id}/cancel", json={}),
        other.http.post(
            "/v1/payments", json={"order_id": order_id, "provider": "stripe", "payment_method": "pm_card_visa"}
        ),
    ]
    assert [problem(answer)[:2] for answer in refused] == [
        (404, "ORDER_NOT_FOUND"),
        (404, "PAYMENT_NOT_FOUND"),
        (404, "ORDER_NOT_FOUND"),
        (404, "ORDER_NOT_FOUND"),
    ]


ROWS = 20_000
FILL = """
INSERT INTO orders
SELECT gen_random_uuid(), %(merchant_id)s, 'R-' || n %% 100, 100, 'EUR', 'NEW', '', '{}', NULL, 1, now(), now(), now()
FROM generate_series(1, %(rows)s) AS n
"""


@pytest.mark.parametrize("by_status", [False, True])
@pytest.mark.parametrize("by_reference", [False, True])
@pytest.mark.parametrize("after", [False, True])
def test_page_is_read_from_an_index_without_a_sort(
    by_status: bool, by_reference: bool, after: bool, gateway: Ready
) -> None:
    named = {"status": by_status, "merchant_order_id": by_reference, "after": after}
    statement = repository.PAGES.statement(
        frozenset({"merchant_id", *(name for name, given in named.items() if given)})
    )
    parameters = {
        "merchant_id": uuid.uuid4(),
        "status": "NEW",
        "merchant_order_id": "R-7",
        "after": uuid.UUID(int=1 << 127),
        "limit": 21,
        **statement.constants,
    }
    with psycopg.connect(gateway.database_urls["orders"]) as connection:
        connection.execute(FILL, {"merchant_id": parameters["merchant_id"], "rows": ROWS})
        connection.execute("ANALYZE orders")
        plan = "\n".join(row[0] for row in connection.execute(b"EXPLAIN ANALYZE " + statement.text, parameters))
        connection.rollback()
    assert "Index Scan" in plan, plan
    assert "Sort" not in plan, plan
    assert "Seq Scan" not in plan, plan
    assert "Rows Removed" not in plan, plan
