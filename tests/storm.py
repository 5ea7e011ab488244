"""Events while what carries them dies: `python -m tests.storm --events 10000` (`make storm`) on a stack of its own.

What it holds, while the notification service and NATS are killed at random: each event of the log reaches its endpoint
at least once and validly signed, no version of an order is missing, and the first deliveries of an order's versions
come in their order.
"""

from __future__ import annotations

import argparse
import secrets
import sys
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from random import Random

from stack.settings import StackSettings
from stack.stack import Stack
from tests.support.merchant.api import Identities, Merchant
from tests.support.merchant.receiver import Receiver, serving
from tests.support.stack.options import BREAKABLE
from tests.support.waiting import PATIENCE, eventually

VICTIMS = ("notify_svc", "nats")
CLIENTS = 8
BETWEEN_KILLS = 150
"""How many webhooks come, at the least, between two deaths."""

UNLIMITED = 1_000_000


def storm(stack: Stack, merchant: Merchant, receiver: Receiver, orders: int, chance: Random) -> int:
    """Make orders of two events each, kill what carries them until all are told, and return how often.

    The receiver must be the merchant's only endpoint, and the merchant a new one.
    """
    kills = 0
    with ThreadPoolExecutor(CLIENTS) as clients:
        making = [clients.submit(_two_events, merchant) for _ in range(orders)]
        while _missing(receiver, orders, making):
            stack.kill(victim := chance.choice(VICTIMS))
            kills += 1
            stack.start(victim)
            further = len(receiver.requests) + BETWEEN_KILLS
            eventually(partial(_goes_on, receiver, further, orders, making), "further webhooks", seconds=2 * PATIENCE)
    return kills


def _goes_on(receiver: Receiver, further: int, orders: int, making: list[Future[None]]) -> bool:
    return len(receiver.requests) > further or not _missing(receiver, orders, making)


def check(merchant: Merchant, receiver: Receiver, orders: int) -> None:
    """Hold what the receiver got against the event log. Raises AssertionError."""
    logged = set(_logged(merchant))
    assert len(logged) == 2 * orders
    # verified here, each by the public library of Standard Webhooks
    assert {event["id"] for event in receiver.events()} == logged
    histories = receiver.histories()
    assert len(histories) == orders
    assert set(map(tuple, histories.values())) == {((1, "order.created"), (2, "order.cancelled"))}


def _two_events(merchant: Merchant) -> None:
    order = merchant.insist("/v1/orders", {"amount": {"value": "1.00", "currency": "EUR"}})
    merchant.insist(f"/v1/orders/{order['order_id']}/cancel", {})


def _missing(receiver: Receiver, orders: int, making: list[Future[None]]) -> int:
    """Return how many events have not come yet; what went wrong at the making of them is raised."""
    for made in making:
        if made.done():
            made.result()
    return 2 * orders - len({request.headers["webhook-id"] for request in list(receiver.requests)})


def _logged(merchant: Merchant) -> list[str]:
    found: list[str] = []
    token = ""
    while True:
        page = merchant.get("/v1/events", page_size=100, page_token=token)
        found += [event["event_id"] for event in page["events"]]
        token = page["next_page_token"]
        if not token:
            return found


def main() -> int:
    """Run on a stack of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1 << 32))
    arguments = parser.parse_args()
    orders = arguments.events // 2
    settings = StackSettings(service_env=BREAKABLE, requests_per_second=UNLIMITED, key_requests_per_second=UNLIMITED)
    with Stack(settings) as stack, serving() as receiver:
        identities = Identities(stack.ready)
        merchant = Merchant(stack.ready.edge_url, *identities.new_merchant())
        merchant.listen(receiver)
        kills = storm(stack, merchant, receiver, orders, Random(arguments.seed))
        check(merchant, receiver, orders)
        identities.close()
    repeated = len(receiver.requests) - 2 * orders
    sys.stdout.write(
        f"{2 * orders} events, {kills} kills, {repeated} deliveries more than events; seed {arguments.seed}\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
