"""Waits until a resource has come to a status, by asking for it again and again."""

from __future__ import annotations

import asyncio
import time
from abc import abstractmethod
from collections.abc import Collection, Iterator, Mapping
from typing import Any, Generic, TypeVar

ModelT = TypeVar("ModelT")
UNDER_WAY = frozenset({"NEW", "INITIATED", "PROCESSING", "REQUIRES_ACTION", "PENDING"})
"""What a resource does not stay in, if somebody goes on with it."""
_SETTLED = frozenset({"SUCCESS", "PARTIALLY_REFUNDED", "REFUNDED"})
ENDED: Mapping[str, Mapping[str, Collection[str]]] = {
    "Order": {"CANCELLED": (), "EXPIRED": (), **dict.fromkeys(_SETTLED, _SETTLED)},
    "Payment": {"SUCCESS": (), "FAILED": (), "CANCELLED": ()},
    "Refund": {"SUCCESS": ("FAILED",), "FAILED": ()},
}
"""What may still come after a status in which nothing is under way, by resource. That a provider takes money after it
said no is told by a webhook, and not waited for."""
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 2.0


class WaitTimeoutError(TimeoutError):
    """A wait ended before the status came. `found` is the resource as it was last, `status` its status."""

    def __init__(self, words: str, found: Any) -> None:
        """Say what was waited for, and what was there instead."""
        super().__init__(words)
        self.found = found
        self.status: str = found.status


class StatusUnreachableError(WaitTimeoutError):
    """The status that was waited for cannot come any more, which is said at once."""


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
            StatusUnreachableError: it cannot come to that any more, which is said at once.
            WaitTimeoutError: it did not come to that in time; both are a TimeoutError and have the last `status`.
                Webhooks tell without waiting.
            ValueError: it never has such a status; those that there are, are named.
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
            StatusUnreachableError: it cannot come to that any more, which is said at once.
            WaitTimeoutError: it did not come to that in time; both are a TimeoutError and have the last `status`.
                Webhooks tell without waiting.
            ValueError: it never has such a status; those that there are, are named.
            FusionXPayError: it cannot be read.
        """
        pauses = _pauses(timeout)
        found = await self.get(resource_id)
        while not _is_reached(found, until):
            await asyncio.sleep(_next(pauses, found, timeout))
            found = await self.get(resource_id)
        return found


def _is_reached(found: Any, until: str | Collection[str]) -> bool:
    """Whether the wait is over. Raises StatusUnreachableError, or ValueError, where it never would be."""
    wanted = (until,) if isinstance(until, str) else until
    if not wanted:
        return found.status not in UNDER_WAY
    if found.status in wanted:
        return True
    kind = found.proto.DESCRIPTOR.name
    values = found.proto.DESCRIPTOR.enum_types_by_name["Status"].values
    # the contract's numbers count too
    names = {value.number: value.name for value in values if value.number}
    asked = [names.get(status, str(status)) if isinstance(status, int) else status for status in wanted]
    if unknown := [name for name in asked if name not in names.values()]:
        raise ValueError(f"until: it is never {', '.join(unknown)}; there are: {', '.join(names.values())}")
    after = ENDED.get(kind, {}).get(found.status)
    if after is not None and not set(asked) & set(after):
        words = f"the {kind.lower()} is {found.status}, and will not be {' or '.join(asked)} any more"
        raise StatusUnreachableError(words, found)
    return False


def _pauses(timeout: float) -> Iterator[float]:
    deadline, pause = time.monotonic() + timeout, FIRST_PAUSE
    while (left := deadline - time.monotonic()) > 0:
        yield min(pause, left)
        pause = min(2 * pause, LONGEST_PAUSE)


def _next(pauses: Iterator[float], found: Any, timeout: float) -> float:
    pause = next(pauses, None)
    if pause is None:
        words = f"the {found.proto.DESCRIPTOR.name.lower()} is still {found.status} after {timeout:g} s"
        raise WaitTimeoutError(words, found)
    return pause
