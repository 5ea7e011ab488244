"""Waits until a resource has come to a status, by asking for it again and again."""

from __future__ import annotations

import asyncio
import time
from abc import abstractmethod
from collections.abc import Collection, Mapping
from typing import Any, Generic, Self, TypeVar

from fusionxpay_client.errors import FusionXPayError

ModelT = TypeVar("ModelT")
UNDER_WAY = frozenset(
    {"NEW", "INITIATED", "PROCESSING", "REQUIRES_ACTION", "PENDING", "NEEDS_RESPONSE", "UNDER_REVIEW"}
)
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
LAST_ANSWER = 0.25
"""What the last question has for its answer, in seconds: one without time would never have any."""


class WaitTimeoutError(TimeoutError):
    """A wait ended before the status came. `found` is the resource as it was last, `status` its status.

    Where nothing was heard of it they are None and empty. What kept the last answer away is the `__cause__`.
    """

    def __init__(self, words: str, found: Any) -> None:
        """Say what was waited for, and what was there instead."""
        super().__init__(words)
        self.found = found
        self.status: str = "" if found is None else found.status

    def __reduce__(self) -> tuple[type[Self], tuple[str, Any]]:
        return type(self), (str(self), self.found)


class StatusUnreachableError(WaitTimeoutError):
    """The status that was waited for cannot come any more, which is said at once."""


class Waits(Generic[ModelT]):
    """Adds `wait` to a resource that has a status."""

    @abstractmethod
    def get(self, resource_id: str, /, *, timeout: float | None = None) -> ModelT:
        """Return the resource as it is now."""

    def wait(self, resource_id: str, *, until: str | Collection[str] = (), timeout: float = 60.0) -> ModelT:
        """Wait until the resource has the status, or one of them, and return it.

        Args:
            resource_id: The resource's id.
            until: Statuses, such as `"SUCCESS"`. Left out: any in which nothing is under way any more; one that is
                newer than this package is none of those.
            timeout: Seconds, within which it ends whether the gateway answers or not.

        Raises:
            StatusUnreachableError: it cannot come to that any more, which is said at once.
            WaitTimeoutError: it did not come to that in time; both are a TimeoutError and have the last `status`.
                Webhooks tell without waiting.
            ValueError: it never has such a status; those that there are, are named.
            FusionXPayError: it cannot be read, and that will not pass.
        """
        wait = _Wait(until, timeout)
        while True:
            try:
                if wait.is_over(found := self.get(resource_id, timeout=wait.left)):
                    return found
                pause = wait.pause()
            except FusionXPayError as error:
                pause = wait.pause(error)
            time.sleep(pause)


class AsyncWaits(Generic[ModelT]):
    """Adds `wait` to a resource that has a status."""

    @abstractmethod
    async def get(self, resource_id: str, /, *, timeout: float | None = None) -> ModelT:
        """Return the resource as it is now."""

    async def wait(
        self, resource_id: str, *, until: str | Collection[str] = (), timeout: float = 60.0
    ) -> ModelT:  # as the other client's
        """Wait until the resource has the status, or one of them, and return it.

        Args:
            resource_id: The resource's id.
            until: Statuses, such as `"SUCCESS"`. Left out: any in which nothing is under way any more; one that is
                newer than this package is none of those.
            timeout: Seconds, within which it ends whether the gateway answers or not.

        Raises:
            StatusUnreachableError: it cannot come to that any more, which is said at once.
            WaitTimeoutError: it did not come to that in time; both are a TimeoutError and have the last `status`.
                Webhooks tell without waiting.
            ValueError: it never has such a status; those that there are, are named.
            FusionXPayError: it cannot be read, and that will not pass.
        """
        wait = _Wait(until, timeout)
        while True:
            try:
                if wait.is_over(found := await self.get(resource_id, timeout=wait.left)):
                    return found
                pause = wait.pause()
            except FusionXPayError as error:
                pause = wait.pause(error)
            await asyncio.sleep(pause)


class _Wait:
    """One wait: what it is for, how much of its time is left, and what was found last."""

    def __init__(self, until: str | Collection[str], timeout: float) -> None:
        self._wanted = (until,) if isinstance(until, str) else tuple(until)
        self._timeout = timeout
        self._deadline = time.monotonic() + timeout
        self._pause = FIRST_PAUSE
        self._found: Any = None

    @property
    def left(self) -> float:
        """Seconds for asking once more."""
        return max(0.001, self._deadline - time.monotonic())

    def is_over(self, found: Any) -> bool:
        """Whether it has come. Raises StatusUnreachableError, or ValueError, where it never would."""
        self._found = found
        return _is_reached(found, self._wanted)

    def pause(self, cause: FusionXPayError | None = None) -> float:
        """Return how long to wait before asking again.

        Raises WaitTimeoutError when the time is up, and the cause itself where it will not pass.
        """
        if cause is not None and not cause.passes:
            raise cause
        left = self._deadline - LAST_ANSWER - time.monotonic()
        if left <= 0:
            raise WaitTimeoutError(self._words(), self._found) from cause
        pause, self._pause = min(self._pause, left), min(2 * self._pause, LONGEST_PAUSE)
        return pause

    def _words(self) -> str:
        found, after = self._found, f"after {self._timeout:g} s"
        if found is None:
            return f"nothing was heard of it {after}"
        return f"the {found.proto.DESCRIPTOR.name.lower()} is still {found.status} {after}"


def _is_reached(found: Any, wanted: Collection[str]) -> bool:
    """Whether the wait is over. Raises StatusUnreachableError, or ValueError, where it never would be."""
    kind = found.proto.DESCRIPTOR.name
    values = found.proto.DESCRIPTOR.enum_types_by_name["Status"].values
    names = {value.number: value.name for value in values if value.number}
    if not wanted:
        # a status that is newer than this package ends nothing
        return found.status in names.values() and found.status not in UNDER_WAY
    # the contract's numbers count too
    asked = [names.get(status, str(status)) if isinstance(status, int) else status for status in wanted]
    if found.status in asked:
        return True
    if unknown := [name for name in asked if name not in names.values()]:
        raise ValueError(f"until: it is never {', '.join(unknown)}; there are: {', '.join(names.values())}")
    after = ENDED.get(kind, {}).get(found.status)
    if after is not None and not set(asked) & set(after):
        words = f"the {kind.lower()} is {found.status}, and will not be {' or '.join(asked)} any more"
        raise StatusUnreachableError(words, found)
    return False
