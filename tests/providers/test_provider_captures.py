"""Authorize now, capture later: all, a part, or nothing."""

from __future__ import annotations

from tests.providers.cases import proves
from tests.providers.shop import VALUE, Shop


@proves("authorization_lifetime")
def test_held_money_is_taken_by_the_capture(shop: Shop) -> None:
    held = shop.authorized()
    captured = shop.do(held, "capture")
    assert (captured["status"], captured["captured_amount"]["value"]) == ("SUCCESS", VALUE)
    shop.settled(held["order_id"])
    assert shop.do(held, "capture") == shop.merchant.payment(held["payment_id"])
    assert len(shop.books.captures(held["order_id"])) == 1


@proves("authorization_lifetime", "partial_capture")
def test_part_of_the_held_money_is_taken_and_the_rest_is_free(shop: Shop) -> None:
    held = shop.authorized()
    captured = shop.do(held, "capture", "6.50")
    assert (captured["status"], captured["captured_amount"]["value"]) == ("SUCCESS", "6.50")
    shop.merchant.wait_for_order(held["order_id"], "SUCCESS")
    assert shop.books.captures(held["order_id"]) == [(650, "eur")]


@proves("authorization_lifetime")
def test_held_money_is_given_free_by_a_void(shop: Shop) -> None:
    held = shop.authorized()
    voided = shop.do(held, "cancel")
    assert (voided["status"], voided["failure"]["code"]) == ("CANCELLED", "cancelled")
    shop.merchant.wait_for_order(held["order_id"], "FAILED")
    assert shop.act(held, "capture").status_code == 400
    assert shop.books.captures(held["order_id"]) == []
