"""The files of the Helm chart that come from elsewhere: `python -m tools.chart [--check]` writes them.

`callers.yaml` says which process may call which, as the contracts do for mutual TLS; the chart's NetworkPolicies are
made of it. `alerts.yaml` is the alert rules.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from pathlib import Path

import yaml

from mesh.contract.descriptors import contract_services
from mesh.contract.generated import Files, main
from mesh.rpc.callers import callers_of
from stack.databases import DATABASES

ROOT = Path(__file__).resolve().parent.parent
FILES = ROOT / "deploy" / "helm" / "fusionxpay" / "files"
ALERTS = ROOT / "deploy" / "observability" / "alerts.yaml"
HEADER = "# Rendered from the contracts by `make gen`. Do not edit.\n"
_PROCESSES = {"identity": "edge"} | {name.removesuffix("_svc"): name for name in DATABASES if name.endswith("_svc")}
"""Who serves a package of the contracts; `mesh` is served by several."""
_NO_RPCS = {"console"}
"""Who serves pages, and no contract."""
_ENVOY_ASKS = ("edge", "console")
"""Who is asked by Envoy beside the contracts: about identity and limits, for pages."""


def callers() -> dict[str, list[str]]:
    """Return who may call each process."""
    found: dict[str, set[str]] = defaultdict(set)
    for service in contract_services():
        package = service.file.package.split(".")[1]
        for process in DATABASES.keys() - _NO_RPCS if package == "mesh" else [_PROCESSES[package]]:
            found[process] |= callers_of(service)
    for process in _ENVOY_ASKS:
        found[process].add("envoy")
    return {process: sorted(found[process]) for process in sorted(found)}


def rendered() -> Files:
    """Return what each file holds."""
    return {
        FILES / "callers.yaml": HEADER + yaml.safe_dump(callers(), sort_keys=True),
        FILES / "alerts.yaml": ALERTS.read_text(),
    }


if __name__ == "__main__":
    sys.exit(main(__doc__, rendered))
