"""Hears what is said to providers and by them, and keeps it until it is written down.

It costs a payment no statement and no wait: what was heard is in memory, with what may be kept of it alone
(`payment_svc/providers/kept.py`), and somebody else writes many calls down at once. A process that is killed takes
those of its last seconds along: they explain, and prove nothing.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

import httpx

from mesh import context
from mesh.ids import Clock, NewId, new_id, utc_now
from payment_svc.domain.provider_call import Keep, ProviderCall
from payment_svc.metrics import CALLS_UNKEPT
from payment_svc.providers.base import ProviderError
from payment_svc.providers.kept import Kept, cleaned

MOST = 2000
"""How many wait to be written down: some megabytes, while the database is away."""
MAX_WORD = 255
_SENT_TO: ContextVar[Listener | None] = ContextVar("provider_listener", default=None)


class CallLog:
    """What was heard and is not written down yet; beyond a limit the oldest goes."""

    def __init__(self, keep: Keep, *, clock: Clock = utc_now, ids: NewId = new_id, most: int = MOST) -> None:
        self._keep = keep
        self._clock = clock
        self._ids = ids
        self._heard: deque[ProviderCall] = deque()
        self._most = most

    def listening(
        self, provider: str, kept: Kept, operation: str, payment_id: UUID | None
    ) -> AbstractContextManager[object]:
        """Hear what is said within the block, about a payment; what is about none is not kept."""
        if self._keep == Keep.NONE or payment_id is None:
            return nullcontext()
        return _listening(Listener(self, provider, kept, operation, payment_id))

    def add(self, call: ProviderCall) -> None:
        """Keep a call, if it is one of those that are kept."""
        if self._keep == Keep.FAILURES and not call.failed:
            return
        self._heard.append(call)
        self._limit()

    def take(self, most: int) -> list[ProviderCall]:
        """Take the oldest."""
        return [self._heard.popleft() for _ in range(min(most, len(self._heard)))]

    def give_back(self, calls: list[ProviderCall]) -> None:
        """Put back what could not be written down."""
        self._heard.extendleft(reversed(calls))
        self._limit()

    def _limit(self) -> None:
        while len(self._heard) > self._most:
            self._heard.popleft()
            CALLS_UNKEPT.inc()

    def moment(self) -> datetime:
        """Return the present."""
        return self._clock()

    def new_id(self) -> UUID:
        """Return an id for a call."""
        return self._ids()


@dataclass(slots=True)
class Listener:
    """Who hears one call of the interface, which may be several requests."""

    log: CallLog
    provider: str
    kept: Kept
    operation: str
    payment_id: UUID
    heard: int = 0
    begun: datetime = field(init=False)

    def __post_init__(self) -> None:
        self.begun = self.log.moment()

    def note(
        self,
        begun: datetime,
        seconds: float,
        request: httpx.Request | None = None,
        answer: httpx.Response | None = None,
        error: str = "",
    ) -> None:
        """Keep a request with its answer, or what was in the way of them."""
        self.heard += 1
        kept = self.kept
        self.log.add(
            ProviderCall(
                call_id=self.log.new_id(),
                payment_id=self.payment_id,
                time=begun,
                provider=self.provider,
                operation=self.operation,
                method=request.method if request else "",
                path=cleaned(request.url.path) if request else "",
                status=answer.status_code if answer else 0,
                duration_us=round(seconds * 1_000_000),
                request_id=cleaned(answer.headers.get(kept.request_id, ""))[:MAX_WORD] if answer else "",
                idempotency_key=cleaned(request.headers.get(kept.idempotency_key, ""))[:MAX_WORD] if request else "",
                error=cleaned(error),
                request=kept.body(_said(request)) if request else "",
                answer=kept.body(_content(answer)) if answer else "",
                trace_id=context.current().trace_id,
            )
        )


@contextmanager
def _listening(listener: Listener) -> Iterator[None]:
    token, begun = _SENT_TO.set(listener), time.perf_counter()
    try:
        yield
    except ProviderError as error:
        if not listener.heard:
            # a circuit that is open, a bulkhead that is full: that nothing was sent is worth knowing as well
            listener.note(listener.begun, time.perf_counter() - begun, error=str(error))
        raise
    finally:
        _SENT_TO.reset(token)


@contextmanager
def heard(request: httpx.Request) -> Iterator[list[httpx.Response]]:
    """Have whoever listens hear a request, and the answer that is put into the list."""
    listener, answers = _SENT_TO.get(), list[httpx.Response]()
    if listener is None:
        yield answers
        return
    begun, started = listener.log.moment(), time.perf_counter()
    error = ""
    try:
        yield answers
    except asyncio.CancelledError:
        error = "no answer in time"
        raise
    except Exception as failure:
        error = type(failure).__name__
        raise
    finally:
        listener.note(begun, time.perf_counter() - started, request, answers[0] if answers else None, error)


def _said(request: httpx.Request) -> bytes:
    """Return what a request says: in its body, or behind its path."""
    try:
        return request.content or request.url.query
    except httpx.RequestNotRead:
        return b""


def _content(answer: httpx.Response) -> bytes:
    try:
        return answer.content
    except httpx.ResponseNotRead:
        return b""
