"""A Redis that work goes on without: found away, it is left alone for a while, so that nobody waits for it."""

from __future__ import annotations

import time
from collections.abc import Callable

from mesh.importing import without

# where the SDK of OpenTelemetry is installed, the client's own measures would be imported with it
with without("opentelemetry"):
    from redis.asyncio import Redis as Redis
    from redis.exceptions import RedisError

PAUSE_SECONDS = 5.0
"""How long it is left alone: waiting for it must not slow every request."""

AWAY = (RedisError, OSError)
"""What calls raise when it cannot be asked."""


class SpareRedis:
    """A client of one Redis; with an empty URL there is none."""

    def __init__(self, url: str, timeout: float, now: Callable[[], float] = time.monotonic) -> None:
        """Connect at the first call; a call takes `timeout` seconds at the most."""
        self._now = now
        self._away_until = float("-inf")
        self._client: Redis | None = None
        if url:
            self._client = Redis.from_url(
                url, socket_timeout=timeout, socket_connect_timeout=timeout, max_connections=64
            )

    def client(self) -> Redis | None:
        """Return the client; None when there is none, or it is being left alone."""
        return None if self._now() < self._away_until else self._client

    def leave_alone(self) -> None:
        """Note that a call raised one of `AWAY`."""
        self._away_until = self._now() + PAUSE_SECONDS

    async def close(self) -> None:
        """Close the connections."""
        if self._client:
            await self._client.aclose()
