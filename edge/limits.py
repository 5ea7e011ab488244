"""The limit across all Envoys: what each of them asks by the standard protocol, `envoy.service.ratelimit.v3`.

Counted in Redis, by second. It fails open: a limit that cannot be counted must not be an outage, and the limits that
each Envoy keeps by itself hold on.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import grpc
from envoy.config.core.v3 import base_pb2
from envoy.service.ratelimit.v3 import rls_pb2, rls_pb2_grpc
from prometheus_client import Counter
from redis.asyncio import Redis
from redis.exceptions import RedisError

from mesh.telemetry import get_logger

log = get_logger(__name__)
Context = grpc.aio.ServicerContext[Any, Any]
Code = rls_pb2.RateLimitResponse.Code

LIMITED = Counter("fusionxpay_global_limit_total", "Requests asked about by an Envoy", ["outcome"])
TIMEOUT_SECONDS = 0.05
PAUSE_SECONDS = 5.0
"""How long Redis is left alone after it was found away: waiting for it must not slow every request."""
KEEP_SECONDS = 5
"""How long a counter is kept: longer than its second, for the clocks of replicas that are not quite the same."""


class GlobalLimits:
    """Fixed windows of one second, counted in one Redis; without an address or a limit, nothing is limited."""

    def __init__(self, url: str, per_second: int, now: Callable[[], float] = time.time) -> None:
        self.per_second = per_second
        self._now = now
        self._redis: Redis | None = None
        if url and per_second:
            self._redis = Redis.from_url(
                url, socket_timeout=TIMEOUT_SECONDS, socket_connect_timeout=TIMEOUT_SECONDS, max_connections=64
            )
        self._away_until = 0.0

    async def over(self, names: Sequence[str]) -> list[bool]:
        """Count a request under each name, and return for each whether that is one too many."""
        if self._redis is None or self._now() < self._away_until:
            LIMITED.labels("skipped").inc()
            return [False] * len(names)
        window = int(self._now())
        try:
            async with self._redis.pipeline(transaction=False) as pipeline:
                for name in names:
                    key = f"fusionxpay:limit:{window}:{name}"
                    pipeline.incr(key)
                    pipeline.expire(key, KEEP_SECONDS)
                counts = (await pipeline.execute())[::2]
        except (RedisError, OSError) as error:
            LIMITED.labels("away").inc()
            self._away_until = self._now() + PAUSE_SECONDS
            log.warning("the global limit is off for a while", error=repr(error))
            return [False] * len(names)
        over = [count > self.per_second for count in counts]
        LIMITED.labels("over" if any(over) else "within").inc()
        return over

    async def close(self) -> None:
        """Close the connections."""
        if self._redis:
            await self._redis.aclose()


class RateLimitServicer(rls_pb2_grpc.RateLimitServiceServicer):  # type: ignore[misc]  # untyped stubs
    """Envoy's rate limit protocol."""

    def __init__(self, limits: GlobalLimits) -> None:
        self._limits = limits

    async def ShouldRateLimit(self, request: rls_pb2.RateLimitRequest, _: Context) -> rls_pb2.RateLimitResponse:
        """Count a request under each of its descriptors, such as its merchant and its key."""
        names = [
            ":".join(part for entry in descriptor.entries for part in (entry.key, entry.value))
            for descriptor in request.descriptors
        ]
        over = await self._limits.over(names)
        codes = [Code.OVER_LIMIT if one else Code.OK for one in over]
        return rls_pb2.RateLimitResponse(
            overall_code=Code.OVER_LIMIT if any(over) else Code.OK,
            statuses=[rls_pb2.RateLimitResponse.DescriptorStatus(code=code) for code in codes],
            response_headers_to_add=[base_pb2.HeaderValue(key="retry-after", value="1")] if any(over) else [],
        )
