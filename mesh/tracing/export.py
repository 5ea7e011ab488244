"""Exporting spans by the SDK of OpenTelemetry: OTLP over gRPC, in batches, by a thread of its own.

The settings are OpenTelemetry's own: `OTEL_EXPORTER_OTLP_ENDPOINT` (none: off), `OTEL_TRACES_SAMPLER_ARG` (which part
of the traces that begin here is sampled), `OTEL_RESOURCE_ATTRIBUTES`, and those of the exporter. Whoever is called does
as its caller does. This module is imported where tracing is on only: it costs a tenth of a second.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags

from mesh.context import TraceContext
from mesh.tracing import spans

FLUSH_SECONDS = 2.0
_SAMPLED = TraceFlags(TraceFlags.SAMPLED)
_SCOPE = InstrumentationScope("fusionxpay")
_UNSET = Status(StatusCode.UNSET)


def export_spans(component: str, version: str) -> Callable[[], None]:
    """Have spans made, and exported as those of `component`; return what sends the last of them, within a bound."""
    resource = Resource.create({"service.name": component, "service.version": version})
    processor = BatchSpanProcessor(OTLPSpanExporter())
    spans.export_to(lambda span: processor.on_end(_readable(span, resource)))

    def stop() -> None:
        spans.export_to(None)
        # a collector that is away must not hold up the end of the process
        ending = threading.Thread(target=processor.shutdown, daemon=True, name="spans-shutdown")
        ending.start()
        ending.join(FLUSH_SECONDS)

    return stop


def _readable(span: spans.Span, resource: Resource) -> ReadableSpan:
    trace_id = span.call.trace_id
    return ReadableSpan(
        name=span.name,
        context=_context(TraceContext(trace_id, span.span_id)),
        parent=_context(TraceContext(trace_id, span.parent_id)) if span.parent_id else None,
        resource=resource,
        attributes=span.attributes,
        links=[Link(_context(link)) for link in span.links],
        kind=SpanKind(int(span.kind)),
        status=Status(StatusCode.ERROR, span.error) if span.error else _UNSET,
        start_time=span.begin_ns,
        end_time=span.end_ns,
        instrumentation_scope=_SCOPE,
    )


def _context(trace: TraceContext) -> SpanContext:
    return SpanContext(int(trace.trace_id, 16), int(trace.span_id, 16), is_remote=False, trace_flags=_SAMPLED)
