"""Tokens that are confirmed at once: charged, declined, or challenged by the customer's bank."""

from __future__ import annotations

import uuid

import pytest

from tests.providers.cases import proves
from tests.providers.drivers.driver import TestTokens
from tests.providers.shop import Shop, assert_not_supported


def _tokens(shop: Shop) -> TestTokens:
    assert shop.driver.tokens, f"{shop.driver.name} takes tokens, and its driver knows none"
    return shop.driver.tokens


@proves("tokens")
def test_token_is_charged_at_once(shop: Shop) -> None:
    order_id = shop.order()
    assert shop.charge(order_id, _tokens(shop).approved)["status"] == "SUCCESS"
    shop.settled(order_id)


@proves("tokens")
def test_declined_token_is_followed_by_one_that_pays(shop: Shop) -> None:
    order_id = shop.order()
    declined = shop.charge(order_id, _tokens(shop).declined)
    assert (declined["status"], declined["failure"]["code"]) == ("FAILED", "card_declined")
    shop.merchant.wait_for_order(order_id, "FAILED")
    paid = shop.charge(order_id, _tokens(shop).approved)
    assert shop.settled(order_id)["payment_id"] == paid["payment_id"]
    assert shop.books.charges(order_id) == ["failed", "succeeded"]


@proves("tokens")
@pytest.mark.parametrize(("answer", "status"), [("approve", "SUCCESS"), ("refuse", "FAILED")])
def test_bank_decides_on_a_token_that_is_challenged(shop: Shop, answer: str, status: str) -> None:
    order_id = shop.order()
    challenged = shop.charge(order_id, _tokens(shop).challenged)
    assert challenged["status"] == "REQUIRES_ACTION"
    shop.driver.answer_challenge(challenged["redirect_url"], answer)
    ended = shop.merchant.wait_for_payment(challenged["payment_id"], status)
    shop.merchant.wait_for_order(order_id, status)
    assert (ended.get("failure") or {}).get("code") == (None if status == "SUCCESS" else "authentication_failed")


@proves("tokens")
def test_request_sent_again_under_its_key_charges_no_second_time(shop: Shop) -> None:
    order_id, key = shop.order(), str(uuid.uuid4())
    answers = [shop.start(order_id, key=key, payment_method=_tokens(shop).approved) for _ in range(2)]
    assert answers[0].json() == answers[1].json()
    assert answers[1].headers["idempotent-replayed"] == "true"
    shop.settled(order_id)
    assert shop.books.charges(order_id) == ["succeeded"]


@proves("tokens")
def test_text_that_is_no_token_of_the_provider_is_refused(shop: Shop) -> None:
    assert_not_supported(shop.start(shop.order(), payment_method="no token at all"), "payment_method")
