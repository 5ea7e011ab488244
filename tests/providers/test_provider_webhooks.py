"""What may come in at the provider's door, and what may not."""

from __future__ import annotations

import psycopg
import pytest

from tests.providers.cases import proves
from tests.providers.drivers.driver import Subject
from tests.providers.shop import Shop
from tests.support.merchant.errors import problem
from tests.support.stack.storage import provider_event
from tests.support.waiting import eventually

REFUSED: tuple[int, str, set[str]] = (401, "WEBHOOK_SIGNATURE_INVALID", set())


def _becomes(shop: Shop, event_id: str) -> str:
    """Wait until an event is done with, and return its status."""

    def done() -> str:
        status = (provider_event(shop.driver.gateway, event_id) or ("",))[0]
        return "" if status == "PENDING" else status

    return eventually(done, f"{event_id} to be done with")


@proves()
@pytest.mark.parametrize("path", ["", "/payment/callback"])
def test_signed_webhook_is_applied_once_however_often_it_comes(shop: Shop, path: str) -> None:
    """And it is only a hint: of an unpaid page it makes no paid one."""
    payment = shop.open_page(shop.order())
    event = shop.driver.callback(Subject(payment["payment_id"], payment["provider_reference"]))
    answers = [shop.send(event.body, shop.driver.sign(event.body), path) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200] * 3
    assert _becomes(shop, event.event_id) == "APPLIED"
    with psycopg.connect(shop.driver.gateway.database_urls["payments"]) as connection:
        query = b"SELECT count(*) FROM provider_events WHERE event_id = %s"
        assert connection.execute(query, [event.event_id]).fetchone() == (1,)
    assert shop.merchant.payment(payment["payment_id"])["status"] == "INITIATED"


@proves()
def test_replayed_webhooks_of_a_payment_change_nothing_more(shop: Shop) -> None:
    order_id = shop.order()
    shop.books.fault(order_id, "webhook_duplicate", copies=2, count=None)
    assert shop.driver.pay(shop.open_page(order_id)["redirect_url"]).is_success
    paid = shop.settled(order_id)

    def all_delivered() -> bool:
        deliveries = shop.books.deliveries(payment_id=paid["payment_id"])
        return len(deliveries) > 2 and all(one["status"] == "delivered" for one in deliveries)

    eventually(all_delivered, "every copy")
    for event_id in {one["event_id"] for one in shop.books.deliveries(payment_id=paid["payment_id"])}:
        assert _becomes(shop, event_id) == "APPLIED"
    assert shop.merchant.payment(paid["payment_id"]) == paid


@proves()
def test_unsigned_webhook_is_refused(shop: Shop) -> None:
    event = shop.driver.callback(Subject())
    assert problem(shop.send(event.body, {})) == REFUSED
    assert provider_event(shop.driver.gateway, event.event_id) is None


@proves()
def test_webhook_whose_bytes_were_touched_is_refused(shop: Shop) -> None:
    event = shop.driver.callback(Subject())
    headers = shop.driver.sign(event.body)
    for position in (0, len(event.body) // 2, len(event.body) - 1):
        touched = bytearray(event.body)
        touched[position] ^= 1
        assert problem(shop.send(bytes(touched), headers)) == REFUSED
    assert provider_event(shop.driver.gateway, event.event_id) is None


@proves()
def test_webhook_from_another_time_is_refused(shop: Shop) -> None:
    event = shop.driver.callback(Subject())
    for at in shop.driver.another_time:
        assert problem(shop.send(event.body, shop.driver.sign(event.body, at=at))) == REFUSED
    assert provider_event(shop.driver.gateway, event.event_id) is None


@proves()
def test_webhook_about_something_unknown_is_taken_and_put_aside(shop: Shop) -> None:
    event = shop.driver.callback(Subject())
    assert shop.send(event.body, shop.driver.sign(event.body)).status_code == 200
    assert _becomes(shop, event.event_id) in ("IGNORED", "QUARANTINED")


@proves()
def test_signed_body_that_is_no_event_is_refused(shop: Shop) -> None:
    body = b'{"hello": 1}'
    assert problem(shop.send(body, shop.driver.sign(body)))[:2] == (400, "WEBHOOK_NOT_AN_EVENT")
