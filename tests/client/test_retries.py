"""Calls are made again when that is safe, and do what they do once."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import pytest

from fusionxpay_client import DeadlineError, PreconditionError, RateLimitError, UnavailableError
from fusionxpay_client.errors import FusionXPayError
from fusionxpay_client.pages import Pages
from fusionxpay_client.retries import Attempts
from stack.stack import Ready
from tests.support.merchant.api import Merchant
from tests.support.merchant.client_package import NewClient
from tests.support.net.cutting import CuttingProxy
from tests.support.providers.sandbox import Provider
from tests.support.stack.edges import Edges
from tests.support.waiting import PATIENCE, eventually

NewMerchant = Callable[..., Merchant]


def test_lost_answer_is_asked_for_again_under_the_same_key(
    new_client: NewClient, proxy: CuttingProxy, merchant: Merchant
) -> None:
    client = new_client(merchant.secret, proxy.url)
    assert list(client.orders.list()) == []
    proxy.withhold_answers()
    with ThreadPoolExecutor(1) as threads:
        creating = threads.submit(client.orders.create, amount=("12.00", "EUR"))
        (known,) = eventually(lambda: merchant.get("/v1/orders")["orders"], "the order that nobody was told of")
        proxy.cut()
        assert creating.result(PATIENCE).order_id == known["order_id"]
    assert len(merchant.get("/v1/orders")["orders"]) == 1


def test_write_without_an_answer_in_time_is_repeated_under_the_key_that_the_error_tells(
    new_client: NewClient, proxy: CuttingProxy, merchant: Merchant
) -> None:
    client = new_client(merchant.secret, proxy.url)
    assert list(client.orders.list()) == []
    proxy.withhold_answers()
    with pytest.raises(DeadlineError) as late:
        client.orders.create(amount=("12.00", "EUR"), timeout=1)
    proxy.cut()
    order = client.orders.create(amount=("12.00", "EUR"), idempotency_key=late.value.idempotency_key)
    assert [one["order_id"] for one in merchant.get("/v1/orders")["orders"]] == [order.order_id]


def test_connection_that_breaks_during_a_charge_charges_once(
    new_client: NewClient, proxy: CuttingProxy, merchant: Merchant, provider: Provider
) -> None:
    client = new_client(merchant.secret, proxy.url)
    order_id = client.orders.create(amount=("12.00", "EUR")).order_id
    slow = provider.fault(order_id, "latency", operation="payment_intents.create", seconds=2)
    with ThreadPoolExecutor(1) as threads:
        paying = threads.submit(
            client.payments.create, order_id=order_id, provider="stripe", payment_method="pm_card_visa"
        )
        provider.wait_for_hit(slow)
        proxy.cut()
        payment_id = paying.result(2 * PATIENCE).payment_id
    merchant.wait_for_payment(payment_id, "SUCCESS")
    assert [one["payment_id"] for one in merchant.get("/v1/payments", order_id=order_id)["payments"]] == [payment_id]
    assert provider.charges(order_id) == ["succeeded"]


def test_broken_connections_are_opened_again(new_client: NewClient, proxy: CuttingProxy, merchant: Merchant) -> None:
    client = new_client(merchant.secret, proxy.url)
    order = client.orders.create(amount=("12.00", "EUR"))
    proxy.cut(refuse=2)
    assert client.orders.get(order.order_id) == order
    assert proxy.refused == 2
    proxy.cut(refuse=2)
    assert client.orders.create(amount=("1.00", "EUR")).order_id != order.order_id
    assert len(merchant.get("/v1/orders")["orders"]) == 2


def test_list_goes_on_where_the_connection_broke(
    new_client: NewClient, proxy: CuttingProxy, merchant: Merchant
) -> None:
    client = new_client(merchant.secret, proxy.url)
    made = [merchant.new_order()["order_id"] for _ in range(5)]
    seen = []
    for order in client.orders.list(page_size=2):
        seen.append(order.order_id)
        proxy.cut()
    assert seen == made[::-1]


def test_retries_end(new_client: NewClient, proxy: CuttingProxy, merchant: Merchant) -> None:
    client = new_client(merchant.secret, proxy.url, retries=1)
    proxy.cut(refuse=1000)
    with pytest.raises(UnavailableError) as failed:
        client.orders.create(amount=("12.00", "EUR"), idempotency_key="mine")
    assert failed.value.idempotency_key == "mine"
    proxy.cut()
    # with all its retries: a channel that could not connect looks again only after a while
    patient = new_client(merchant.secret, proxy.url)
    order = patient.orders.create(amount=("12.00", "EUR"), idempotency_key="mine")
    assert [one["order_id"] for one in merchant.get("/v1/orders")["orders"]] == [order.order_id]


def test_limits_are_waited_for(edges: Edges, new_client: NewClient, new_merchant: NewMerchant) -> None:
    url = edges.envoy(requests_per_second=1)
    merchant = new_merchant()
    with ThreadPoolExecutor(6) as threads:
        hasty = new_client(merchant.secret, url, retries=0)
        calls = [threads.submit(lambda: list(hasty.orders.list())) for _ in range(6)]
        limits = [error for call in calls if (error := call.exception(PATIENCE))]
    assert limits
    for limit in limits:
        assert isinstance(limit, RateLimitError)
        assert limit.retry_after == 1
    patient = new_client(merchant.secret, url, retries=20)
    assert [patient.orders.create(amount=("1.00", "EUR")).order_id for _ in range(3)]


def unavailable(**told: Any) -> FusionXPayError:
    return UnavailableError(grpc.StatusCode.UNAVAILABLE, "UNAVAILABLE", "", **told)


def test_pauses_grow_and_heed_what_the_gateway_says() -> None:
    attempts = Attempts(None, 10)
    pauses = [attempts.pause_after(unavailable()) for _ in range(10)]
    for number, pause in enumerate(pauses):
        longest = min(0.1 * 2**number, 5.0)
        assert longest / 2 <= pause <= longest
    assert Attempts(None, 1).pause_after(unavailable(retry_after=7.0)) == 7.0


def test_what_will_not_pass_is_not_repeated() -> None:
    busy = FusionXPayError(grpc.StatusCode.ABORTED, "IDEMPOTENCY_KEY_IN_USE", "")
    full = RateLimitError(grpc.StatusCode.RESOURCE_EXHAUSTED, "TOO_MANY", "")
    wrong = PreconditionError(grpc.StatusCode.FAILED_PRECONDITION, "ORDER_NOT_PAYABLE", "")
    attempts = Attempts(None, 1)
    # the attempt that still runs is waited for: other failures would have used up the only retry
    assert all(attempts.pause_after(busy) for _ in range(9))
    with pytest.raises(FusionXPayError):
        Attempts(None, 0).pause_after(busy)
    for error in (full, wrong):
        with pytest.raises(type(error)):
            Attempts(None, 1).pause_after(error)


def test_no_pause_goes_beyond_the_deadline() -> None:
    with pytest.raises(UnavailableError):
        Attempts(5.0, 10).pause_after(unavailable(retry_after=6.0))


def test_page_is_asked_for_when_it_is_needed() -> None:
    asked: list[str] = []

    def fetch(token: str) -> tuple[list[int], str]:
        asked.append(token)
        return [len(asked)], "more"

    items = iter(Pages(fetch, ""))
    assert asked == []
    assert [next(items), next(items)] == [1, 2]
    assert asked == ["", "more"]


def test_gateway_that_is_nowhere_is_unavailable(new_client: NewClient, gateway: Ready, merchant: Merchant) -> None:
    with pytest.raises(UnavailableError):
        new_client(merchant.secret, "http://127.0.0.1:9", retries=1).orders.create(amount=("1.00", "EUR"))
