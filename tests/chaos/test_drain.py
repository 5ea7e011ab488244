"""A service that is asked to end has ended soon, whatever it is waiting for then."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial

import psutil
import pytest

from cli.scrape import scrape
from stack.stack import Stack
from tests.support.merchant.api import Merchant, direct
from tests.support.merchant.outcome import assert_paid
from tests.support.merchant.receiver import Receiver
from tests.support.net.holding import holding
from tests.support.providers.sandbox import Provider
from tests.support.stack.chaos import ChaosStack
from tests.support.waiting import eventually

pytestmark = pytest.mark.xdist_group("chaos")
BOUND = 10.0
MACHINE = 4.0
"""More, for a machine that has too much to do."""
GRACE = 25.0
PUBLISHERS = ("order_svc", "payment_svc", "notify_svc")


def assert_all_end(stop: Iterable[Callable[[], object]]) -> None:
    """Have all end at the same time."""

    def timed(end: Callable[[], object]) -> float:
        begun = time.monotonic()
        end()
        return time.monotonic() - begun

    with ThreadPoolExecutor() as pool:
        took = list(pool.map(timed, stop))
    assert max(took) < BOUND + MACHINE, took


def failing_relays(stack: Stack) -> int:
    """Return how many processes have a relay that fails."""
    processes = scrape({name: stack.ready.metrics[name] for name in PUBLISHERS})
    return sum(process.value("fusionxpay_worker_failures_total", worker="outbox-relay") >= 3 for process in processes)


def connected(stack: Stack) -> bool:
    processes = scrape({name: stack.ready.metrics[name] for name in PUBLISHERS})
    return all(process.value("fusionxpay_nats_up") == 1 for process in processes)


@pytest.mark.slow
def test_without_nats_and_after_it_was_away(stack: Stack, merchant: Merchant, receiver: Receiver) -> None:
    stack.stop("nats")
    order = merchant.new_order()
    merchant.charge(order["order_id"])
    eventually(lambda: failing_relays(stack) >= 2, "relays that fail")
    stack.start("nats")
    eventually(lambda: connected(stack), "connections to NATS")
    assert_all_end([partial(stack.stop, name) for name in PUBLISHERS])
    for name in PUBLISHERS:
        stack.start(name)
    stack.stop("nats")
    assert_all_end([partial(stack.stop, name) for name in PUBLISHERS])


@pytest.mark.slow
def test_while_database_provider_and_merchant_are_silent(
    chaos: ChaosStack, merchant: Merchant, provider: Provider, receiver: Receiver
) -> None:
    """Each with a time-out that would hold the service up for longer than it may take."""
    with ExitStack() as undo:
        payments = undo.enter_context(chaos.standing_in("payment_svc", PROVIDER_TIMEOUT_SECONDS="60"))
        senders = undo.enter_context(chaos.standing_in("notify_svc", DELIVERY_TIMEOUT_SECONDS="60"))
        proxy = undo.enter_context(holding(chaos.ready.database_urls["orders"]))
        url = psutil.Process(chaos.ready.pids["order_svc"]).environ()["FUSIONXPAY_DATABASE_URL"]
        orders = undo.enter_context(chaos.standing_in("order_svc", DATABASE_URL=proxy.instead_of(url)))
        undo.enter_context(receiver.hanging())
        order_id = merchant.insist("/v1/orders", {"amount": {"value": "12.00", "currency": "EUR"}})["order_id"]
        fault = provider.fault(order_id, "timeout_after", seconds=60)
        asking = undo.enter_context(ThreadPoolExecutor(1))
        asking.submit(merchant.insist, "/v1/payments", direct(order_id))
        provider.wait_for_hit(fault)
        eventually(lambda: receiver.requests, "a delivery that is under way")
        proxy.freeze()
        assert_all_end([partial(child.stop, GRACE) for child in (orders, payments, senders)])
    assert_paid(merchant, provider, receiver, order_id)
