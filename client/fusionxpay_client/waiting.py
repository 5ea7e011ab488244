"""Waits until a resource has come to a status, by asking for it again and again."""

from __future__ import annotations

import asyncio
import time
from abc import abstractmethod
from collections.abc import Collection, Iterator
from typing import Any, Generic, TypeVar

ModelT = TypeVar("ModelT")
UNDER_WAY = frozenset({"NEW", "INITIATED", "PROCESSING", "REQUIRES_ACTION", "PENDING"})
"""What a resource does not stay in, if somebody goes on with it."""
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 2.0


class Waits(Generic[ModelT]):
    """Adds `wait` to a resource that has a status."""

    @abstractmethod
    def get(self, resource_id: str, /) -> ModelT:
        """Return the resource as it is now."""

    def wait(self, resource_id: str, *, until: str | Collection[str] = (), timeout: float = 60.0) -> ModelT:
        """Wait until the resource has the status, or one of them, and return it.

        Args:
            resource_id: The resource's id.
            until: Statuses, such as `"SUCCESS"`. Left out: any in which nothing is under way any more.
            timeout: Seconds.

        Raises:
            TimeoutError: it did not come to that in time; the last status is named. Webhooks tell without waiting.
            FusionXPayError: it cannot be read.
        """
        pauses = _pauses(timeout)
        while not _is_reached(found := self.get(resource_id), until):
            time.sleep(_next(pauses, found, timeout))
        return found


class AsyncWaits(Generic[ModelT]):
    """Adds `wait` to a resource that has a status."""

    @abstractmethod
    async def get(self, resource_id: str, /) -> ModelT:
        """Return the resource as it is now."""

    async def wait(
        self, resource_id: str, *, until: str | Collection[str] = (), timeout: float = 60.0
    ) -> ModelT:  # as the other client's
        """Wait until the resource has the status, or one of them, and return it.

        Args:
            resource_id: The resource's id.
            until: Statuses, such as `"SUCCESS"`. Left out: any in which nothing is under way any more.
            timeout: Seconds.

        Raises:
            TimeoutError: it did not come to that in time; the last status is named. Webhooks tell without waiting.
            FusionXPayError: it cannot be read.
        """
        pauses = _pauses(timeout)
        found = await self.get(resource_id)
        while not _is_reached(found, until):
            await asyncio.sleep(_next(pauses, found, timeout))
            found = await self.get(resource_id)
        return found


def _is_reached(found: Any, until: str | Collection[str]) -> bool:
    wanted = (until,) if isinstance(until, str) else until
    return found.status in wanted if wanted else found.status not in UNDER_WAY


def _pauses(timeout: float) -> Iterator[float]:
    deadline, pause = time.monotonic() + timeout, FIRST_PAUSE
    while (left := deadline - time.monotonic()) > 0:
        yield min(pause, left)
        pause = min(2 * pause, LONGEST_PAUSE)


def _next(pauses: Iterator[float], found: Any, timeout: float) -> float:
    pause = next(pauses, None)
    if pause is None:
        raise TimeoutError(f"still {found.status} after {timeout:g} s")
    return pause
