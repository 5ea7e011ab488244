"""The catalogue of metrics, from the code into `docs/metrics.md`: `python -m tools.metrics_catalogue [--check]`.

Each series is declared once, with its meaning and all values of its labels; what is not declared does not exist.
"""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from typing import Any

from prometheus_client.metrics import MetricWrapperBase

from mesh.contract.generated import main
from mesh.metrics import CODES, SERIES, Alert, Series, Values, Varies

PAGE = Path(__file__).resolve().parent.parent / "docs" / "metrics.md"
MODULES = {
    "mesh": "Every service",
    "order_svc": "order_svc",
    "payment_svc": "payment_svc",
    "notify_svc": "notify_svc",
    "edge": "edge",
    "audit_svc": "audit_svc",
}
HEAD = """\
# Metrics

Written by `make gen`. Every service answers Prometheus at `METRICS_LISTEN` under `/metrics`, and names no merchant,
order or payment there. Every series exists from the start of its process, at zero, so that its first increase is one;
an age, a deadline or a moment is NaN until it is known.
Times are in seconds; `*_time` is Unix time. What is open in a database is the same in every replica: take the maximum.
"""


def series() -> dict[str, list[Series]]:
    """Return the series that each package declares, in its order."""
    return {package: [SERIES[one] for one in named if one in SERIES] for package, named in _named().items()}


def alerts() -> dict[str, list[Alert]]:
    """Return the alerts that each package declares, in its order."""
    return {package: [one for one in named if isinstance(one, Alert)] for package, named in _named().items()}


def _named() -> dict[str, list[Any]]:
    """Return what the modules of metrics call by a name; none of them imports one from another."""
    wanted = (MetricWrapperBase, Alert)
    found = {package: vars(import_module(f"{package}.metrics")).values() for package in MODULES}
    return {package: [one for one in named if isinstance(one, wanted)] for package, named in found.items()}


def _labels(declared: Series) -> str:
    return "; ".join(f"`{label}`: {_values(values)}" for label, values in declared.labels.items())


def _values(values: Values) -> str:
    if isinstance(values, Varies):
        return values.words
    # gRPC's need no list
    return "the code's name, as `OK`" if values is CODES else ", ".join(f"`{value}`" for value in values)


def page() -> str:
    """Return the document."""
    parts, raised = [HEAD], alerts()
    for package, declared in series().items():
        parts.append(f"\n## {MODULES[package]}\n\n| series | kind | what | labels |\n|---|---|---|---|\n")
        parts += [f"| `{one.name}` | {one.kind} | {one.meaning} | {_labels(one)} |\n" for one in declared]
        if raised[package]:
            parts.append("\n| `fusionxpay_alerts_total{alert=…}` | it grew |\n|---|---|\n")
            parts += [f"| `{one.name}` | {one.meaning} |\n" for one in raised[package]]
    return "".join(parts)


if __name__ == "__main__":
    sys.exit(main(__doc__, lambda: {PAGE: page()}))
