"""The provider has done it, and nobody heard: the customer is charged once, and we learn of it."""

from __future__ import annotations

from tests.providers.cases import proves
from tests.providers.shop import Shop
from tests.support.stack.storage import look_up_now
from tests.support.waiting import eventually


def _charge_unheard(shop: Shop, order_id: str) -> None:
    """Make a charge whose answers are lost."""
    driver = shop.driver
    lost = shop.books.fault(
        order_id, "timeout_after", operation=driver.charge_call, seconds=5, count=driver.lost_answers
    )
    if driver.tokens:
        assert shop.charge(order_id, driver.tokens.approved)["status"] in ("PROCESSING", "SUCCESS")
    else:
        payment = shop.start(order_id).json()
        assert driver.pay(driver.page_of(payment)).is_success
    shop.books.wait_for_hit(lost)


@proves()
def test_charge_whose_answer_is_lost_is_made_once_and_reported_by_webhook(shop: Shop) -> None:
    order_id = shop.order()
    _charge_unheard(shop, order_id)
    shop.settled(order_id)
    assert shop.books.charges(order_id) == ["succeeded"]


@proves()
def test_charge_whose_answer_and_webhooks_are_lost_is_found(shop: Shop) -> None:
    order_id = shop.order()
    shop.books.fault(order_id, "webhook_drop", count=None)
    _charge_unheard(shop, order_id)

    def found() -> bool:
        look_up_now(shop.driver.gateway, order_id)
        return bool(shop.merchant.order(order_id)["status"] == "SUCCESS")

    eventually(found, f"{order_id} in SUCCESS")
    shop.settled(order_id)
    assert shop.books.charges(order_id) == ["succeeded"]
    assert not [one for one in shop.books.deliveries(order_id=order_id) if one["attempts"]]
