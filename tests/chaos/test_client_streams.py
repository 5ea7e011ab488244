"""The package's stream of events goes on by itself while parts of the gateway die: nothing missed or doubled."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from itertools import islice

import pytest
from fusionx.notify.v1.event_pb2 import Event

from cli.stack import Stack
from tests.support.clients import clients_of
from tests.support.merchant import Merchant
from tests.support.waiting import PATIENCE, eventually

pytestmark = pytest.mark.xdist_group("chaos")
BEGINNING = "00000000-0000-0000-0000-000000000000"
ORDERS = 5


def order_some(merchant: Merchant) -> None:
    """Make events, whatever is out of reach just now."""
    for _ in range(ORDERS):
        merchant.insist("/v1/orders", {"amount": {"value": "1.00", "currency": "EUR"}})


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_stream_goes_on_while_the_gateway_dies_part_by_part(kind: str, stack: Stack, merchant: Merchant):
    seen: list[Event] = []

    def read(events: Iterator[Event]) -> None:
        seen.extend(islice(events, 4 * ORDERS))

    with clients_of(kind) as new_client:
        client = new_client(merchant.secret, stack.ready.edge_url)
        reading = threading.Thread(
            target=read,
            args=(client.events.stream(last_event_id=BEGINNING, event_types=["order.created"]),),
            daemon=True,
        )
        reading.start()
        for number, component in enumerate(("notify_svc", "envoy", "edge"), 1):
            order_some(merchant)
            eventually(lambda: len(seen) >= number * ORDERS, "the events so far")  # noqa: B023  # called here
            stack.kill(component)
            stack.start(component)
        order_some(merchant)
        reading.join(PATIENCE)
    assert len({event.event_id for event in seen}) == len(seen) == 4 * ORDERS
    listed = merchant.get("/v1/orders", page_size=100)["orders"]
    assert sorted(event.data.order.order_id for event in seen) == sorted(order["order_id"] for order in listed)
