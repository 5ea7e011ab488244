"""Money that goes back, and money that the customer claims back."""

from __future__ import annotations

from tests.providers.cases import proves
from tests.providers.shop import VALUE, WIRE, Shop
from tests.support.merchant.api import Json
from tests.support.merchant.errors import problem
from tests.support.waiting import eventually


def _wait(shop: Shop, refund: Json, status: str) -> Json:
    path = f"/v1/refunds/{refund['refund_id']}"
    eventually(lambda: shop.merchant.get(path)["status"] == status, f"{path} in {status}")
    return shop.merchant.get(path)


@proves("refunds")
def test_all_is_given_back(shop: Shop) -> None:
    payment = shop.paid()
    refund = _wait(shop, shop.do(payment, "refunds"), "SUCCESS")
    assert refund["amount"]["value"] == VALUE
    shop.merchant.wait_for_order(payment["order_id"], "REFUNDED")
    assert shop.books.refunds(payment["order_id"]) == [WIRE[0]]


@proves("refunds", "partial_refunds")
def test_several_parts_are_given_back_until_nothing_is_left(shop: Shop) -> None:
    payment = shop.paid()
    _wait(shop, shop.do(payment, "refunds", "2.50"), "SUCCESS")
    shop.merchant.wait_for_order(payment["order_id"], "PARTIALLY_REFUNDED")
    _wait(shop, shop.do(payment, "refunds", "3.00"), "SUCCESS")
    rest = _wait(shop, shop.do(payment, "refunds"), "SUCCESS")
    assert rest["amount"]["value"] == "4.50"
    shop.merchant.wait_for_order(payment["order_id"], "REFUNDED")
    assert shop.books.refunds(payment["order_id"]) == [250, 300, 450]


@proves("refunds", "partial_refunds")
def test_more_than_is_left_is_refused(shop: Shop) -> None:
    payment = shop.paid()
    shop.do(payment, "refunds", "6.00")
    assert problem(shop.act(payment, "refunds", "4.01")) == (400, "AMOUNT_TOO_LARGE", {"amount.value"})
    assert shop.books.refunds(payment["order_id"]) == [600]


@proves("refunds")
def test_refund_that_comes_back_may_be_made_again(shop: Shop) -> None:
    payment = shop.paid()
    refund = _wait(shop, shop.do(payment, "refunds"), "SUCCESS")
    shop.merchant.wait_for_order(payment["order_id"], "REFUNDED")
    shop.driver.fail_refund(refund)
    assert _wait(shop, refund, "FAILED")["failure"]["code"]
    shop.merchant.wait_for_order(payment["order_id"], "SUCCESS")
    assert "refunded_amount" not in shop.merchant.payment(payment["payment_id"])
    _wait(shop, shop.do(payment, "refunds"), "SUCCESS")
    assert shop.books.refunds(payment["order_id"]) == [WIRE[0]]


@proves("refunds")
def test_refund_whose_answer_is_lost_is_made_once(shop: Shop) -> None:
    payment = shop.paid()
    lost = shop.books.fault(payment["order_id"], "timeout_after", operation="*refund*", seconds=5)
    asked = shop.do(payment, "refunds")
    shop.books.wait_for_hit(lost)
    _wait(shop, asked, "SUCCESS")
    assert shop.books.refunds(payment["order_id"]) == [WIRE[0]]


@proves("disputes")
def test_dispute_of_the_customer_is_published_and_takes_no_capture_back(shop: Shop) -> None:
    payment = shop.paid()
    assert shop.driver.dispute(payment).is_success

    def told() -> list[Json]:
        disputes: list[Json] = shop.merchant.get("/v1/disputes").get("disputes", [])
        return disputes

    [dispute] = eventually(told, "the claim")
    assert (dispute["payment_id"], dispute["status"]) == (payment["payment_id"], "NEEDS_RESPONSE")
    assert dispute["amount"]["value"] == VALUE
    assert shop.merchant.payment(payment["payment_id"])["status"] == "SUCCESS"
