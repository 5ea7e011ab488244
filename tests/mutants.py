"""`make mutants`: the code is changed in one place at a time, and the tests that bear on the place have to fail.

cosmic-ray makes the changes, in a copy of the code; a seeded sample of them is tried. What starting costs is importing:
that is done once, and each trial is a fork of it.
"""

from __future__ import annotations

import argparse
import importlib
import os
import random
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import pytest
from rich.console import Console

from tests.simulation.detection import copy_of_the_code
from tests.support.paths import ROOT

console = Console(highlight=False, soft_wrap=True)
SECONDS = 300
"""How long a trial may take; a mutant that goes on for ever is found."""
IMPORTED = ("grpc", "hypothesis.strategies", "httpx", "psycopg", "pydantic_settings", "sqlalchemy", "structlog")
"""What all trials import, and no mutant changes."""
SKIPPED = ("BitOr", "_Is", "RemoveDecorator")
"""Of names of operators: `|` stands in annotations only, `is` is `==` for members of enumerations."""

PURE: Mapping[str, str] = {
    "order_svc/domain.py": "tests/order_svc/test_domain.py",
    "payment_svc/domain/*.py": "tests/payment_svc/domain",
    "notify_svc/domain/*.py": "tests/notify_svc/domain",
    "edge/domain.py": "tests/edge/test_domain.py",
    "mesh/money.py": "tests/mesh/test_money.py",
    "mesh/paging.py": "tests/mesh/test_paging.py",
    "payment_svc/providers/stripe/[aeo]*s.py": "tests/payment_svc/providers/stripe",
    "payment_svc/providers/paypal/[aeo]*s.py": "tests/payment_svc/providers/paypal",
    "payment_svc/providers/bank_transfer/[aeo]*s.py": "tests/payment_svc/providers/bank_transfer",
}
"""Which tests bear on which modules, where neither needs a server: amounts, errors and objects of providers."""
SERVED: Mapping[str, str] = {
    "mesh/events/outbox.py": "tests/mesh/events",
    "mesh/events/relay.py": "tests/mesh/events",
    "mesh/events/inbox.py": "tests/mesh/events",
    "mesh/events/consumer.py": "tests/mesh/events",
    "mesh/storage/idempotency.py": "tests/e2e/orders/test_idempotency.py",
    "payment_svc/use_cases/*.py": "tests/payment_svc/use_cases tests/e2e/payments",
}
"""The same where a stack is started for each trial."""


@dataclass(frozen=True)
class Mutant:
    """A change, by what makes it."""

    module: str
    tests: str
    operator: str
    occurrence: int
    line: int
    where: str

    def __str__(self) -> str:
        return f"{self.module}:{self.line} {self.where or '-'} {self.operator.removeprefix('core/')}"


def main() -> int:
    """Try a sample; return 1 when less than the share that is asked for was found."""
    parser = argparse.ArgumentParser(prog="make mutants", description=__doc__)
    parser.add_argument("--sample", type=int, default=150, help="how many")
    parser.add_argument("--seed", type=int, default=1, help="which")
    parser.add_argument("--served", action="store_true", help="modules whose tests need servers, instead of pure ones")
    parser.add_argument("--module", default="", help="only modules whose path begins so")
    parser.add_argument("--least", type=float, default=0.9, help="the share that has to be found")
    options = parser.parse_args()
    for name in IMPORTED:
        importlib.import_module(name)
    mapping = SERVED if options.served else PURE
    every = [mutant for mutant in mutants(mapping) if mutant.module.startswith(options.module)]
    chosen = random.Random(options.seed).sample(every, min(options.sample, len(every)))
    with tempfile.TemporaryDirectory(prefix="fusionxpay-mutants-") as folder:
        copy = Path(folder)
        copy_of_the_code(copy)
        for tests in sorted({mutant.tests for mutant in chosen}):
            assert not is_found(copy, tests), f"{tests} fails without a mutant"
        survivors = [mutant for mutant in chosen if not _try(copy, mutant)]
    found = Counter(mutant.module for mutant in chosen) - Counter(mutant.module for mutant in survivors)
    for module, number in sorted(Counter(mutant.module for mutant in chosen).items()):
        console.print(f"{found[module]:4d} of {number:3d} {module}")
    share = 1 - len(survivors) / max(len(chosen), 1)
    console.print(
        f"{len(chosen) - len(survivors)} of {len(chosen)} found ({share:.1%}), of {len(every)} that there are"
    )
    return 0 if share >= options.least else 1


def mutants(mapping: Mapping[str, str]) -> Iterator[Mutant]:
    """Yield every change to the modules."""
    nodes_of = importlib.import_module("cosmic_ray.ast")
    query = importlib.import_module("cosmic_ray.ast.ast_query").ASTQuery
    plugins = importlib.import_module("cosmic_ray.plugins")
    operators = {
        name: plugins.get_operator(name)
        for name in sorted(plugins.operator_names())
        if not any(word in name for word in SKIPPED) and not plugins.get_operator(name).arguments()
    }
    for pattern, tests in mapping.items():
        for path in sorted(ROOT.glob(pattern)):
            tree = nodes_of.get_ast_from_path(path)
            for name, operator in operators.items():
                places = [
                    (node, start)
                    for node in nodes_of.ast_nodes(tree)
                    for start, _ in operator().mutation_positions(node)
                ]
                for number, (node, (line, _)) in enumerate(places):
                    where = query(node).get_definition_name() or ""
                    yield Mutant(str(path.relative_to(ROOT)), tests, name, number, line, where)


def _try(copy: Path, mutant: Mutant) -> bool:
    """Return whether the tests see a mutant."""
    mutating = importlib.import_module("cosmic_ray.mutating")
    operator = importlib.import_module("cosmic_ray.plugins").get_operator(mutant.operator)
    path = copy / mutant.module
    before = path.read_text()
    _write(path, mutating.mutate_code(before, operator(), mutant.occurrence))
    try:
        found = is_found(copy, mutant.tests)
    finally:
        _write(path, before)
    console.print(f"{'found' if found else 'SURVIVED'}: {mutant}")
    return found


def _write(path: Path, text: str) -> None:
    # what was compiled is known by its source's time and size, and two changes may have both in common
    for compiled in path.parent.glob(f"__pycache__/{path.stem}.*"):
        compiled.unlink()
    path.write_text(text)


def is_found(copy: Path, tests: str) -> bool:
    """Return whether tests fail in a copy of the code, or do not end."""
    child = os.fork()
    if child == 0:
        _run(copy, tests.split())
    _, status = os.waitpid(child, 0)
    return status != 0


def _run(copy: Path, tests: list[str]) -> NoReturn:
    signal.alarm(SECONDS)
    os.setsid()
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    os.chdir(copy)
    for name in [name for name, module in sys.modules.items() if _is_ours(module)]:
        del sys.modules[name]
    sys.path[:] = [str(copy), *(place for place in sys.path if place not in ("", str(ROOT)))]
    status = pytest.main(["-q", "-x", "-p", "no:cacheprovider", "-p", "no:randomly", *tests])
    os._exit(int(status))


def _is_ours(module: object) -> bool:
    file = getattr(module, "__file__", None)
    return file is not None and Path(file).is_relative_to(ROOT) and ".venv" not in str(file)


if __name__ == "__main__":
    raise SystemExit(main())
