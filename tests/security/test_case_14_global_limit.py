"""Case 14: the limit of all Envoys together holds in a burst, as long as Redis answers within a second."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Timer

import httpx
import pytest

from stack.stack import Ready
from tests.support.merchant.api import Merchant
from tests.support.net.holding import holding
from tests.support.stack.edges import Edges

LIMIT = 20
BURST = 300
AT_ONCE = 100


@pytest.mark.parametrize("silent_seconds", [0.0, 0.5])
def test_burst_is_held_to_the_limit(
    silent_seconds: float, edges: Edges, new_merchant: Callable[..., Merchant], gateway: Ready
) -> None:
    merchant = new_merchant()
    with holding(gateway.redis_url) as redis:
        settings = {"FUSIONXPAY_REDIS_URL": redis.url, "FUSIONXPAY_GLOBAL_REQUESTS_PER_SECOND": str(LIMIT)}
        url = edges.envoy(edges.service(**settings)[0], global_limit=True)
        headers = {"authorization": f"Bearer {merchant.secret}"}
        limits = httpx.Limits(max_connections=AT_ONCE)
        with (
            httpx.Client(base_url=url, headers=headers, limits=limits, timeout=60) as http,
            ThreadPoolExecutor(AT_ONCE) as threads,
        ):
            if silent_seconds:
                redis.freeze()
                Timer(silent_seconds, redis.thaw).start()
            started = time.monotonic()
            answers = list(threads.map(lambda _: http.get("/v1/orders?page_size=1").status_code, range(BURST)))
            windows = int(time.monotonic() - started) + 2
    statuses = Counter(answers)
    assert statuses.keys() == {200, 429}
    assert statuses[200] <= LIMIT * windows
