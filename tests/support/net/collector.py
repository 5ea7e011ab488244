"""A collector of spans: a real OTLP receiver, by gRPC."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as pb2
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2_grpc as pb2_grpc
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span


@dataclass(frozen=True)
class Collected:
    """A span that came in."""

    component: str
    span: Span

    @property
    def name(self) -> str:
        """Who made it, and what for."""
        return f"{self.component}: {Span.SpanKind.Name(self.span.kind).removeprefix('SPAN_KIND_')} {self.span.name}"

    @property
    def attributes(self) -> dict[str, Any]:
        """Its attributes."""
        return _values(self.span.attributes)


class Collector(pb2_grpc.TraceServiceServicer):
    """Keeps the spans that come in."""

    def __init__(self) -> None:
        self.endpoint = ""
        self._lock = threading.Lock()
        self._spans: list[Collected] = []

    def Export(self, request: pb2.ExportTraceServiceRequest, _context: Any) -> pb2.ExportTraceServiceResponse:  # noqa: N802
        """Take spans."""
        with self._lock:
            for resource in request.resource_spans:
                component = _values(resource.resource.attributes)["service.name"]
                for scope in resource.scope_spans:
                    self._spans.extend(Collected(component, span) for span in scope.spans)
        return pb2.ExportTraceServiceResponse()

    def all(self) -> list[Collected]:
        """Return every span."""
        with self._lock:
            return list(self._spans)

    def trace(self, trace_id: str) -> list[Collected]:
        """Return the spans of a trace, in the order in which they began."""
        with self._lock:
            found = [one for one in self._spans if one.span.trace_id.hex() == trace_id]
        return sorted(found, key=lambda one: one.span.start_time_unix_nano)


def _values(attributes: Any) -> dict[str, Any]:
    pairs: list[KeyValue] = list(attributes)
    return {pair.key: getattr(pair.value, str(pair.value.WhichOneof("value"))) for pair in pairs}


@contextmanager
def collecting() -> Iterator[Collector]:
    """Run a collector."""
    collector = Collector()
    server = grpc.server(ThreadPoolExecutor(4))
    pb2_grpc.add_TraceServiceServicer_to_server(collector, server)  # type: ignore[no-untyped-call]
    collector.endpoint = f"http://127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    try:
        yield collector
    finally:
        server.stop(0)
