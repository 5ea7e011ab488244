"""Spans by the semantic conventions of OpenTelemetry, exported by its SDK; none while no endpoint is named."""

from __future__ import annotations

from mesh.tracing.spans import OFF, Kind, Span, Value, is_on, start
from mesh.tracing.switch import begin

__all__ = ["OFF", "Kind", "Span", "Value", "begin", "is_on", "start"]
