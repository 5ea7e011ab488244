"""What is known of the call or event that is being worked on: who, on whose behalf, under which trace."""

from __future__ import annotations

import re
import secrets
import time
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import NamedTuple
from uuid import UUID

TRACEPARENT = re.compile(r"^00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-[0-9a-f]([0-9a-f])$")
UUID_FORM = re.compile(r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")


class TraceContext(NamedTuple):
    """What W3C trace context says of a cause."""

    trace_id: str
    span_id: str = ""
    """Of the span that was the cause; empty where nobody says."""
    sampled: bool | None = None
    """Whether the cause is sampled; None: nobody has decided yet."""


@dataclass(slots=True)
class Call:
    """The call or event that the running task works on."""

    trace_id: str
    merchant_id: str = ""
    """Whose data it is about: the merchant's own id in test mode, one derived from it in live mode."""
    is_own: bool = False
    """Whether a merchant's key came in: the merchant calls, and nobody of ours in its place."""
    idempotency_key: str | None = None
    request_id: str = ""
    """The edge's id of the request, which the client has in the `x-request-id` of its answer."""
    mode: str = ""
    """`test` or `live`, for a merchant's call and all that it causes; empty where no key came in."""
    scopes: frozenset[str] = frozenset()
    """What the merchant's key may do. They end at the first service: what it calls in turn is internal."""
    method: str = ""
    deadline: float = float("inf")
    """Moment of `time.monotonic` after which nobody waits for the answer."""
    response_headers: list[tuple[str, str]] = field(default_factory=list)
    """Metadata for the answer, such as `idempotent-replayed`."""
    is_whole: bool = False
    """Whether what is streamed says something only when it is there to its end: a part must not look like all of it."""
    log: dict[str, str] = field(default_factory=dict)
    """What the access line says beside the usual: the ids of the resources that were touched."""

    waited_seconds: float = 0.0
    """How much of its time others took that are not of the mesh."""

    parent_id: str = ""
    """The span, of whoever caused this, that it is part of."""
    span_id: str = ""
    """The span of ours that it runs in, while spans are made."""
    sampled: bool | None = None
    """Whether the trace is sampled; None: that follows from its id."""

    @property
    def traceparent(self) -> str:
        """W3C trace context for what this call causes: the same trace, and the span that it runs in."""
        return self.traceparent_of(self.span_id or self.parent_id or secrets.token_hex(8))

    def traceparent_of(self, span_id: str) -> str:
        """Return W3C trace context of one of its spans."""
        return f"00-{self.trace_id}-{span_id}-{'01' if self.is_sampled else '00'}"

    @property
    def is_sampled(self) -> bool:
        """Whether its spans are exported; who begins a trace decides, and the others follow."""
        return _is_sampled(self.trace_id) if self.sampled is None else self.sampled

    def remaining(self) -> float:
        """Return the seconds that are left until the deadline."""
        return self.deadline - time.monotonic()


_current: ContextVar[Call | None] = ContextVar("fusionxpay_call", default=None)


def current() -> Call:
    """Return the call being worked on; outside of any, a fresh one with a trace of its own."""
    call = _current.get()
    if call is None:
        call = Call(trace_id=secrets.token_hex(16))
        _current.set(call)
    return call


def merchant() -> UUID:
    """Return whose data a merchant's call is about. Raises ValueError for a call that is nobody's."""
    return UUID(current().merchant_id)


def enter(call: Call) -> None:
    """Make `call` the current one for the running task and what it starts."""
    _current.set(call)


def call_of(trace: TraceContext, merchant_id: str = "", method: str = "") -> Call:
    """Return the call of what a cause elsewhere has led to."""
    return Call(trace.trace_id, merchant_id=merchant_id, method=method, parent_id=trace.span_id, sampled=trace.sampled)


def trace_of(traceparent: str, request_id: str = "") -> TraceContext:
    """Return the trace that a call is part of: by W3C trace context, else by the edge's request id, else a new one.

    A UUID request id without its dashes is a valid trace id, so one word finds the request at the edge, in every
    service's log and in every event.
    """
    if match := TRACEPARENT.fullmatch(traceparent):
        return TraceContext(match[1], match[2], bool(int(match[3], 16) & 1))
    if UUID_FORM.fullmatch(request_id):
        return TraceContext(request_id.replace("-", ""))
    return TraceContext(secrets.token_hex(16))


def trace_id_of(traceparent: str, request_id: str = "") -> str:
    """Return the id of `trace_of`."""
    return trace_of(traceparent, request_id).trace_id


def sample(part: float) -> None:
    """Sample so much of the traces that begin here, from none (0) to all (1)."""
    global _sampled_below
    _sampled_below = round(part * (1 << 64))


_sampled_below = 1 << 64


def _is_sampled(trace_id: str) -> bool:
    """Whether a trace is sampled by its id alone, so that all who have to decide decide alike."""
    return int(trace_id[16:], 16) < _sampled_below
