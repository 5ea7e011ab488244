"""Whether spans are made: by OpenTelemetry's own variables, as those who read the spans know them."""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version

from mesh import context

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
PART = "OTEL_TRACES_SAMPLER_ARG"


def begin(component: str) -> Callable[[], None]:
    """Make and export the spans of a process, where an endpoint is named; return what ends that.

    Raises ValueError, with the variable's name, for a part of traces that is none.
    """
    if not os.environ.get(ENDPOINT):
        return _nothing
    context.sample(part())
    # a tenth of a second, and megabytes, that nobody pays for who does not use it
    from mesh.tracing.export import export_spans

    try:
        number = version("fusionxpay")
    except PackageNotFoundError:
        number = "unknown"
    return export_spans(component, number)


def part() -> float:
    """Return which part of the traces is sampled. Raises ValueError for what is not between 0 and 1."""
    said = os.environ.get(PART) or "1"
    try:
        found = float(said)
    except ValueError:
        found = -1.0
    if not 0 <= found <= 1:
        raise ValueError(f"{PART}: must be between 0 and 1")
    return found


def _nothing() -> None:
    """Do nothing."""
