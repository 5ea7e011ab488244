"""The catalogue of metrics, from the code into `docs/metrics.md`: `python -m tools.metrics_catalogue [--check]`.

Each series is declared once, with its meaning and all values of its labels; what is not declared does not exist.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from mesh.metrics import CATALOGUE, AlertMeaning, Series, Values, Varies

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
order or payment there. Every series exists from the start of its process, at zero, so that its first increase is one.
Times are in seconds; `*_time` is Unix time. What is open in a database is the same in every replica: take the maximum.
"""


def declared() -> dict[str, list[Series | AlertMeaning]]:
    """Return what each package declares, in its order."""
    found = {}
    for package in MODULES:
        before = len(CATALOGUE)
        import_module(f"{package}.metrics")
        found[package] = CATALOGUE[before:] if package != "mesh" else _of_mesh()
    return found


def _of_mesh() -> list[Series | AlertMeaning]:
    """Return what the mesh declares, whoever has imported it first."""
    import_module("mesh.metrics")
    last = next(i for i, one in enumerate(CATALOGUE) if one.name == "outbox_event_set_aside")
    return CATALOGUE[: last + 1]


def _values(values: Values) -> str:
    return values.words if isinstance(values, Varies) else ", ".join(f"`{value}`" for value in values)


def _labels(series: Series) -> str:
    return "; ".join(f"`{label}`: {_short(values)}" for label, values in series.labels.items())


def _short(values: Values) -> str:
    if label_is_code(values):
        return "the code's name, as `OK`"
    return _values(values)


def label_is_code(values: Values) -> bool:
    """Whether the values are gRPC's codes, which need no list."""
    return not isinstance(values, Varies) and "DEADLINE_EXCEEDED" in values


def page() -> str:
    """Return the document."""
    parts = [HEAD]
    for package, entries in declared().items():
        parts.append(f"\n## {MODULES[package]}\n\n| series | kind | what | labels |\n|---|---|---|---|\n")
        parts += [
            f"| `{one.name}` | {one.kind} | {one.meaning} | {_labels(one)} |\n"
            for one in entries
            if isinstance(one, Series)
        ]
        if alerts := [one for one in entries if isinstance(one, AlertMeaning)]:
            parts.append("\n| `fusionxpay_alerts_total{alert=…}` | it grew |\n|---|---|\n")
            parts += [f"| `{one.name}` | {one.meaning} |\n" for one in alerts]
    return "".join(parts)


def main(arguments: Sequence[str]) -> int:
    """Write the page, or with --check return 1 when it is stale."""
    parser = argparse.ArgumentParser(description="Write the catalogue of metrics.")
    parser.add_argument("--check", action="store_true", help="only say whether it is stale")
    options = parser.parse_args(arguments)
    made = page()
    if options.check and (not PAGE.exists() or PAGE.read_text() != made):
        print(f"{PAGE.name} is stale: run `make gen`", file=sys.stderr)
        return 1
    if not options.check:
        PAGE.write_text(made)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
