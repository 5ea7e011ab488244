"""The limit across all Envoys: what each of them asks by the standard protocol, `envoy.service.ratelimit.v3`.

Counted in Redis, by second. It fails open: a limit that cannot be counted must not be an outage, and the limits that
each Envoy keeps by itself hold on.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import grpc
from envoy.config.core.v3 import base_pb2
from envoy.service.ratelimit.v3 import rls_pb2, rls_pb2_grpc

from edge.metrics import LIMITED
from mesh.storage.batcher import Batcher
from mesh.storage.spare_redis import AWAY, Redis, SpareRedis
from mesh.telemetry import get_logger

log = get_logger(__name__)
Context = grpc.aio.ServicerContext[Any, Any]
Code = rls_pb2.RateLimitResponse.Code

TIMEOUT_SECONDS = 1.0
"""How long Redis may take, the connection included; Envoy waits a little longer (`envoy_config/rate_limits.py`)."""
COUNTED_TOGETHER = 500
KEEP_SECONDS = 5
"""How long a counter is kept: longer than its second, for the clocks of replicas that are not quite the same."""


@dataclass(frozen=True, slots=True)
class Subject:
    """Whom a request is counted for: what it is, such as a merchant, and which."""

    kind: str
    value: str


class GlobalLimits:
    """Fixed windows of one second, counted in one Redis, by kind; without an address, or with a limit of 0, none."""

    def __init__(self, url: str, per_second: Mapping[str, int], now: Callable[[], float] = time.time) -> None:
        self._per_second = {kind: limit for kind, limit in per_second.items() if limit}
        self._now = now
        self._redis = SpareRedis(url if self._per_second else "", TIMEOUT_SECONDS, now)
        # one at a time: a burst is one round trip more, and not a connection for each request
        self._counts: Batcher[Subject, int | None] = Batcher(self._count, max_size=COUNTED_TOGETHER)

    async def over(self, subjects: Sequence[Subject]) -> frozenset[Subject]:
        """Count a request for each subject, and return those for whom it is one too many."""
        counted = [subject for subject in subjects if subject.kind in self._per_second]
        if not counted:
            LIMITED.labels("skipped").inc()
            return frozenset()
        counts = await asyncio.gather(*map(self._counts.submit, counted))
        if None in counts:
            return frozenset()
        pairs = zip(counted, counts, strict=True)
        over = frozenset(subject for subject, count in pairs if count and count > self._per_second[subject.kind])
        LIMITED.labels("over" if over else "within").inc()
        return over

    async def _count(self, subjects: Sequence[Subject]) -> Sequence[int | None]:
        """Count up, and return where each stands now; nothing where Redis cannot say, which is then left alone."""
        redis = self._redis.client()
        if redis is None:
            LIMITED.labels("skipped").inc(len(subjects))
            return [None] * len(subjects)
        try:
            try:
                return await self._counted(redis, subjects)
            except AWAY:
                # where this process was held up, its time-out says nothing of Redis; counted twice is no harm
                return await self._counted(redis, subjects)
        except AWAY as error:
            LIMITED.labels("away").inc(len(subjects))
            self._redis.leave_alone()
            log.warning("the global limit is off for a while", error=repr(error))
            return [None] * len(subjects)

    async def _counted(self, redis: Redis, subjects: Sequence[Subject]) -> list[int]:
        window = int(self._now())
        async with redis.pipeline(transaction=False) as pipeline:
            for subject in subjects:
                name = f"fusionxpay:limit:{window}:{subject.kind}:{subject.value}"
                pipeline.incr(name)
                pipeline.expire(name, KEEP_SECONDS)
            answers: list[int] = await pipeline.execute()
        return answers[::2]

    async def close(self) -> None:
        """Close the connections."""
        await self._redis.close()


class RateLimitServicer(rls_pb2_grpc.RateLimitServiceServicer):  # type: ignore[misc]  # untyped stubs
    """Envoy's rate limit protocol."""

    def __init__(self, limits: GlobalLimits) -> None:
        self._limits = limits

    async def ShouldRateLimit(self, request: rls_pb2.RateLimitRequest, _: Context) -> rls_pb2.RateLimitResponse:
        """Count a request under each of its descriptors, such as its merchant and its key."""
        subjects = [
            Subject(descriptor.entries[0].key, descriptor.entries[0].value) for descriptor in request.descriptors
        ]
        over = await self._limits.over(subjects)
        codes = [Code.OVER_LIMIT if subject in over else Code.OK for subject in subjects]
        return rls_pb2.RateLimitResponse(
            overall_code=Code.OVER_LIMIT if over else Code.OK,
            statuses=[rls_pb2.RateLimitResponse.DescriptorStatus(code=code) for code in codes],
            response_headers_to_add=[base_pb2.HeaderValue(key="retry-after", value="1")] if over else [],
        )
