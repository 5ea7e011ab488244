"""Replicas are replaced one after the other while merchants go on ordering."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from stack.probes import healthy_replicas
from stack.stack import Stack
from tests.support.merchant.api import Merchant
from tests.support.stack.chaos import ChaosStack
from tests.support.waiting import eventually

pytestmark = pytest.mark.xdist_group("chaos")
CLIENTS = 4


def test_rolling_restart_of_the_order_service_loses_no_request(
    chaos: ChaosStack, stack: Stack, merchant: Merchant
) -> None:
    with chaos.second_order_service() as replica:
        eventually(lambda: _healthy(stack, "order") == 2, "two healthy replicas")
        with _ordering(merchant) as answers:
            _more(answers)
            stack.stop("order_svc")
            _more(answers)
            stack.start("order_svc")
            eventually(lambda: _healthy(stack, "order") == 2, "two healthy replicas again")
            replica.stop(grace=20)
            _more(answers)
    assert set(answers) == {200}, answers
    assert _orders_of(merchant) == answers[200]


@contextmanager
def _ordering(merchant: Merchant) -> Iterator[Counter[int]]:
    """Create orders without a pause and without a retry while the block runs; count the answers by their status."""
    answers: Counter[int] = Counter()
    over = threading.Event()

    def order() -> None:
        while not over.is_set():
            answer = merchant.http.post("/v1/orders", json={"amount": {"value": "1.00", "currency": "EUR"}})
            answers[answer.status_code] += 1

    with ThreadPoolExecutor(CLIENTS) as clients:
        running = [clients.submit(order) for _ in range(CLIENTS)]
        try:
            yield answers
        finally:
            over.set()
    for client in running:
        client.result()


def _more(answers: Counter[int]) -> None:
    """Wait until the clients have had a number of further answers."""
    enough = answers.total() + 100
    eventually(lambda: answers.total() > enough, "further answers")


def _healthy(stack: Stack, cluster: str) -> int:
    """Count the replicas that Envoy sends requests to."""
    return healthy_replicas(stack.ready.envoy_admin, cluster)


def _orders_of(merchant: Merchant) -> int:
    """Count a merchant's orders, page by page."""
    count, token = 0, ""
    while True:
        page = merchant.get("/v1/orders", page_size=100, page_token=token)
        count += len(page["orders"])
        token = page["next_page_token"]
        if not token:
            return count
