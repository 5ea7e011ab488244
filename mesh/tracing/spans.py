"""Spans: what a process did, for whom, and how long it took.

A span belongs to the call that is being worked on, which says under which trace, and whether that is sampled. What
fails is exported though its trace is not: from the failure on the whole call counts as sampled, and so does what it
causes. That is why spans are not made by the SDK, which decides when they begin. While tracing is off, `start` returns
`OFF`, whose methods do nothing.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from enum import IntEnum
from typing import Any

from mesh import context
from mesh.context import TraceContext
from mesh.tracing import names

Value = str | int | float | bool


class Kind(IntEnum):
    """On which side of what a span is; the numbers are those of OpenTelemetry's `SpanKind`."""

    INTERNAL = 0
    SERVER = 1
    CLIENT = 2
    PRODUCER = 3
    CONSUMER = 4


class Span:
    """Something that takes time. It is exported when it ends, if its call is sampled by then."""

    __slots__ = (
        "attributes", "begin_ns", "call", "end_ns", "error", "kind", "links", "name", "parent_id", "span_id",
    )  # fmt: skip

    def __init__(
        self, name: str, kind: Kind, call: context.Call, attributes: dict[str, Value], links: Sequence[TraceContext]
    ) -> None:
        self.name = name
        self.kind = kind
        self.call = call
        self.parent_id = call.span_id or call.parent_id
        self.span_id = secrets.token_hex(8)
        self.attributes = attributes
        self.links = links
        self.error = ""
        self.begin_ns = time.time_ns()
        self.end_ns = 0

    def enter(self) -> None:
        """Have whatever its call does from now on be part of this span."""
        self.call.span_id = self.span_id

    def context(self) -> TraceContext:
        """Return what a cause is named by, where a span has several."""
        return TraceContext(self.call.trace_id, self.span_id, self.call.sampled)

    def traceparent(self) -> str:
        """Return W3C trace context for what this span causes elsewhere."""
        return self.call.traceparent_of(self.span_id)

    def end(self, error: str = "", attributes: Mapping[str, Value] | None = None, *, keep: bool = True) -> None:
        """End it; `error` is of low cardinality, and empty where all went well.

        One with an error is exported though not sampled, unless it is not to be kept: what is refused is no failure.
        """
        self.end_ns = time.time_ns()
        self.error = error
        if attributes:
            self.attributes.update(attributes)
        if error:
            self.attributes[names.ERROR_TYPE] = error
            if keep:
                self.call.sampled = True
        if _export and self.call.is_sampled:
            _export(self)


class _Off(Span):
    """The span that there is while none are made."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__("", Kind.INTERNAL, context.Call(""), {}, ())

    def enter(self) -> None:
        """Do nothing."""

    def traceparent(self) -> str:
        """Return nothing: whoever asks keeps what it has."""
        return ""

    def end(self, error: str = "", attributes: Mapping[str, Value] | None = None, *, keep: bool = True) -> None:
        """Do nothing."""


OFF: Span = _Off()
_export: Callable[[Span], Any] | None = None


def is_on() -> bool:
    """Whether spans are made."""
    return _export is not None


def export_to(export: Callable[[Span], Any] | None) -> None:
    """Make spans from now on, and give `export` those that end; None: make none."""
    global _export
    _export = export


def start(
    name: str,
    kind: Kind = Kind.INTERNAL,
    attributes: dict[str, Value] | None = None,
    *,
    call: context.Call | None = None,
    links: Sequence[TraceContext] = (),
) -> Span:
    """Begin a span of a call, by default of the one being worked on."""
    if _export is None:
        return OFF
    return Span(name, kind, call or context.current(), attributes or {}, links)
