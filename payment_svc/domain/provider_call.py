"""What was said to a provider about a payment, and what it said: as much of it as is kept. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID


class Keep(StrEnum):
    """Which calls are kept."""

    ALL = "all"
    FAILURES = "failures"
    """Those that were refused, or that nobody answered."""
    NONE = "none"


@dataclass(frozen=True, slots=True)
class ProviderCall:
    """One request of ours, with its answer; or one that was never sent."""

    call_id: UUID
    payment_id: UUID
    time: datetime
    """When it began."""
    provider: str
    operation: str
    """What it was for, in the words of the `Provider` interface."""
    method: str
    """Empty: nothing was sent."""
    path: str
    status: int
    """Of HTTP; 0: there was no answer."""
    duration_us: int
    request_id: str
    """The provider's own name of the request."""
    idempotency_key: str
    error: str
    """Why there was no answer."""
    trace_id: str
    request: str
    answer: str
    """Both are JSON, with what may be kept of them; one that was too long is cut off."""

    @property
    def failed(self) -> bool:
        """Whether it was refused, or had no answer."""
        return not 200 <= self.status < 400


@dataclass(frozen=True, slots=True)
class Webhook:
    """An event of a provider's that came for a payment, and what became of it."""

    provider: str
    account: str
    """The merchant's own account that it was sent for; empty: the platform's."""
    event_id: str
    type: str
    status: str
    reason: str
    receive_time: datetime
    payload: bytes
    trace_id: str


@dataclass(frozen=True, slots=True)
class Exchange:
    """A call or a webhook in its place in time; of a webhook, `request` is what may be shown of its payload."""

    time: datetime
    of: ProviderCall | Webhook
    request: str
    answer: str = ""
