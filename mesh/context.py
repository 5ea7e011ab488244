"""What is known of the call or event that is being worked on: who, on whose behalf, under which trace."""

from __future__ import annotations

import re
import secrets
import time
from contextvars import ContextVar
from dataclasses import dataclass, field
from uuid import UUID

TRACEPARENT = re.compile(r"^00-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$")
UUID_FORM = re.compile(r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")


@dataclass(slots=True)
class Call:
    """The call or event that the running task works on."""

    trace_id: str
    merchant_id: str = ""
    """Whose data it is about: the merchant's own id in test mode, one derived from it in live mode."""
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
    log: dict[str, str] = field(default_factory=dict)
    """What the access line says beside the usual: the ids of the resources that were touched."""

    @property
    def traceparent(self) -> str:
        """W3C trace context for what this call causes: the same trace, a new parent id."""
        return f"00-{self.trace_id}-{secrets.token_hex(8)}-01"

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


def trace_id_of(traceparent: str, request_id: str = "") -> str:
    """Return the trace id: from W3C trace context, else from the edge's request id, else a new one.

    A UUID request id without its dashes is a valid trace id, so one word finds the request at the edge, in every
    service's log and in every event.
    """
    if match := TRACEPARENT.fullmatch(traceparent):
        return match.group(1)
    if UUID_FORM.fullmatch(request_id):
        return request_id.replace("-", "")
    return secrets.token_hex(16)
