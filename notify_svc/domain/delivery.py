"""Deliveries, how one is attempted, and when it is tried again. Pure: no I/O."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from notify_svc.domain.endpoint import Kind, owner_of

RETRIES = tuple(timedelta(seconds=seconds) for seconds in (5, 30, 2 * 60, 15 * 60, 3600, 4 * 3600, 8 * 3600, 14 * 3600))
"""The wait before each further attempt: nine attempts over about 28 hours. Published in `docs/webhooks.md`."""

JITTER = 0.1
"""How much longer than published a wait may be, so that what failed together does not come back together."""

MAX_RETRY_AFTER = timedelta(hours=24)
GIVE_UP_AFTER = timedelta(days=5)
"""How long an endpoint may fail without taking anything before it is disabled."""


class DeliveryStatus(StrEnum):
    """Where a delivery stands."""

    PENDING = "PENDING"
    DELIVERED = "DELIVERED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"


class NoAnswer(StrEnum):
    """Why an attempt had no answer."""

    URL_REFUSED = "URL_REFUSED"
    URL_INVALID = "URL_INVALID"
    NAME_NOT_FOUND = "NAME_NOT_FOUND"
    CONNECTION_REFUSED = "CONNECTION_REFUSED"
    CONNECTION_FAILED = "CONNECTION_FAILED"
    CONNECTION_BROKEN = "CONNECTION_BROKEN"
    TIMEOUT = "TIMEOUT"
    TLS_CERTIFICATE = "TLS_CERTIFICATE"
    TLS_FAILED = "TLS_FAILED"
    NOT_CONFIGURED = "NOT_CONFIGURED"
    GATEWAY_FAILED = "GATEWAY_FAILED"
    """It failed on our side, which says nothing of the endpoint."""


_OLD_CODES = {"refused": NoAnswer.URL_REFUSED, "not sent": NoAnswer.GATEWAY_FAILED}
REFUSED_BY_STATUS = "STATUS_NOT_2XX"
"""What a failure is called where an answer came, and said no."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event on its way to one endpoint."""

    delivery_id: UUID
    merchant_id: UUID
    endpoint_id: UUID
    event_id: UUID
    destination: str
    secrets: tuple[bytes, ...]
    """The signing secrets, encrypted: the newest first. Of a browser its keys, of a mailbox none."""
    payload: bytes
    event_type: str
    aggregate_id: UUID
    order_id: str
    trace_id: str
    attempts: int
    attempts_before: int
    """How many of them there were when the schedule began (anew)."""
    resends: int
    """How often it was sent again on request."""
    claim_time: datetime
    """When this attempt began, by the database's clock."""
    failing_since: datetime | None
    """Since when the endpoint has taken nothing that was tried."""
    event_time: datetime
    kind: Kind = Kind.WEBHOOK
    language: str = "EN"
    """Of the words, where people read them."""

    @property
    def vault_owner(self) -> str:
        """Whom its secrets are sealed for: its endpoint."""
        return owner_of(self.merchant_id, self.endpoint_id)


@dataclass(frozen=True, slots=True)
class Attempt:
    """What came of one try to deliver: the status (0 without an answer), how long it took, and the first words.

    The status is HTTP's, or the code of SMTP: both say by their first digit what came of it.
    """

    status: int
    duration_ms: float
    answer: str
    retry_after: str = ""
    """The answer's header of that name."""
    gone: bool = False
    """Whether the other side said that there is nobody any more and never will be."""
    ours: bool = False
    """Whether it failed on our side, which says nothing of the endpoint."""

    @property
    def succeeded(self) -> bool:
        """Whether the other side took the event: any 2xx."""
        return 200 <= self.status < 300

    @property
    def failure(self) -> str:
        """Why it failed, a code; empty when it did not."""
        if self.status:
            return "" if self.succeeded else REFUSED_BY_STATUS
        code = self.answer.partition(":")[0]
        # attempts of before there were codes
        code = _OLD_CODES.get(code, code)
        return code if code in NoAnswer.__members__ else NoAnswer.CONNECTION_FAILED


class Channel(Protocol):
    """How events are brought to endpoints of a kind: all that differs between them."""

    async def attempt(self, delivery: Delivery, now: datetime) -> Attempt:
        """Try once. Whatever the other side does, the answer is an attempt, never an exception."""
        ...


@dataclass(frozen=True, slots=True)
class LoggedAttempt:
    """An attempt as it is in the log."""

    number: int
    time: datetime
    attempt: Attempt


@dataclass(frozen=True, slots=True)
class LoggedDelivery:
    """A delivery as merchants see it, with its attempts."""

    delivery_id: UUID
    endpoint_id: UUID
    kind: Kind
    event_id: UUID
    event_type: str
    status: DeliveryStatus
    next_attempt_time: datetime | None
    attempts: tuple[LoggedAttempt, ...]


def next_attempt(attempts: int, now: datetime, jitter: float = 0.0) -> datetime | None:
    """Return when to try again after `attempts` failed tries; None when all are used up.

    `jitter`, from 0 to 1, says how much of the tenth is added that a wait may be longer.
    """
    return now + RETRIES[attempts - 1] * (1 + JITTER * jitter) if attempts <= len(RETRIES) else None


def retry_after(header: str, now: datetime) -> datetime:
    """Return before when the receiver asks not to be called again; `now` when it says nothing that can be read.

    It may ask for up to 24 hours. Source: RFC 9110, section 10.2.3: seconds, or an HTTP date.
    """
    text = header.strip()
    # more digits than these are more than a day in any case
    if text.isascii() and text.isdigit():
        asked = timedelta(seconds=int(text[:9]))
    else:
        try:
            date = parsedate_to_datetime(text)
            asked = (date if date.tzinfo else date.replace(tzinfo=UTC)) - now
        except (ValueError, OverflowError, IndexError, TypeError):
            return now
    return now + min(max(asked, timedelta()), MAX_RETRY_AFTER)
