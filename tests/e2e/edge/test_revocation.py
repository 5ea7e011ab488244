"""A revoked key stops working on every replica of the front door, also while that is busy."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import httpx

from tests.support.merchant.api import Identities, Merchant
from tests.support.stack.edges import Edges
from tests.support.waiting import eventually

BOUND_SECONDS = 1.0
"""What the gateway promises (`docs/authentication.md`): a bound that is a feature, not a measure of speed."""


@contextmanager
def load(urls: list[str], secret: str, path: str) -> Iterator[list[int]]:
    """Ask for something at all replicas, again and again, for the block; yields the statuses of the answers."""
    over = threading.Event()
    statuses: list[int] = []

    def ask(url: str) -> None:
        with httpx.Client(base_url=url, headers={"authorization": f"Bearer {secret}"}, timeout=30) as client:
            while not over.is_set():
                statuses.append(client.get(path).status_code)

    threads = [threading.Thread(target=ask, args=[url]) for url in urls for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        yield statuses
    finally:
        over.set()
        for thread in threads:
            thread.join()


def last_success(url: str, secret: str, path: str, revoked: Callable[[], None]) -> float:
    """Revoke, and return for how many seconds a request that was *sent* afterwards was still let in."""
    with httpx.Client(base_url=url, headers={"authorization": f"Bearer {secret}"}, timeout=30) as client:
        assert client.get(path).status_code == 200
        revoked()
        started, lasted = time.monotonic(), 0.0
        while time.monotonic() - started < 2 * BOUND_SECONDS:
            sent = time.monotonic()
            if client.get(path).status_code == 200:
                lasted = sent - started
        return lasted


def test_revoked_key_is_refused_by_two_busy_replicas_within_the_bound(
    edges: Edges, merchant: Merchant, new_merchant: Callable[..., Merchant], identities: Identities
) -> None:
    urls = [edges.envoy(edges.service()[0]) for _ in range(2)]
    keys = [new_merchant(merchant.merchant_id) for _ in urls]
    # one thing, as of lists a merchant may ask for fewer
    path = f"/v1/orders/{merchant.new_order()['order_id']}"
    with load(urls, merchant.secret, path) as statuses:
        eventually(lambda: len(statuses) > 50, "the replicas to be busy")
        for url, key in zip(urls, keys, strict=True):
            lasted = last_success(url, key.secret, path, lambda one=key: identities.revoke(one.api_key_id))  # type: ignore[misc]
            assert lasted <= BOUND_SECONDS
    assert set(statuses) == {200}, "nobody else is refused"


def test_key_that_ran_out_of_use_everywhere_is_refused_at_each_replica_alike(
    edges: Edges, merchant: Merchant, new_merchant: Callable[..., Merchant], identities: Identities
) -> None:
    urls = [edges.envoy(edges.service()[0]) for _ in range(2)]
    key = new_merchant(merchant.merchant_id)
    headers = {"authorization": f"Bearer {key.secret}"}
    with ExitStack() as undo:
        doors = [undo.enter_context(httpx.Client(base_url=url, headers=headers, timeout=30)) for url in urls]
        assert [door.get("/v1/orders").status_code for door in doors] == [200, 200]
        identities.revoke(key.api_key_id)
        eventually(lambda: [door.get("/v1/orders").status_code for door in doors] == [401, 401], "both doors shut")
