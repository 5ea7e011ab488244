"""The package while parts of the gateway are killed: what it creates is there once, and its stream tells of it once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Any

import pytest
from fusionx.notify.v1.event_pb2 import Event

from stack.stack import Stack
from tests.support.merchant.api import Merchant
from tests.support.merchant.client_package import clients_of
from tests.support.waiting import PATIENCE

pytestmark = pytest.mark.xdist_group("chaos")
BEGINNING = "00000000-0000-0000-0000-000000000000"
VICTIMS = ("notify_svc", "envoy", "order_svc", "edge")
ORDERS = 5


def order_some(client: Any) -> list[str]:
    """Create orders, whatever is out of reach just now, and return what the gateway calls them."""
    return [client.orders.create(amount=("1.00", "EUR")).order_id for _ in range(ORDERS)]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["sync", "async"])
def test_orders_and_their_events_are_there_once_whatever_is_killed(kind: str, stack: Stack, merchant: Merchant) -> None:
    created: list[str] = []
    told: list[Event] = []

    def listen(events: Iterator[Event]) -> None:
        told.extend(islice(events, ORDERS * len(VICTIMS)))

    with clients_of(kind) as new_client, ThreadPoolExecutor(1) as threads:
        client = new_client(merchant.secret, stack.ready.edge_url, retries=1000, timeout=4 * PATIENCE)
        stream = client.events.stream(last_event_id=BEGINNING, event_types=["order.created"])
        listening = threading.Thread(target=listen, args=(stream,), daemon=True)
        listening.start()
        for victim in VICTIMS:
            ordering = threads.submit(order_some, client)
            stack.kill(victim)
            stack.start(victim)
            created += ordering.result(4 * PATIENCE)
        listening.join(PATIENCE)
    listed = merchant.get("/v1/orders", page_size=100)["orders"]
    assert sorted(created) == sorted(order["order_id"] for order in listed)
    assert sorted(created) == sorted(event.data.order.order_id for event in told)
