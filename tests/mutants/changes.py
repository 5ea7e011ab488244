"""What is changed: modules by group, every change that cosmic-ray would make to them, and a fair sample of those."""

from __future__ import annotations

import ast
import hashlib
import importlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path
from types import ModuleType

_USE_CASES = "payment_svc/use_cases"
_STORAGE = "payment_svc/storage"
GROUPS: Mapping[str, Sequence[str]] = {
    "domain": (
        "order_svc/domain.py", "payment_svc/domain/*.py", "notify_svc/domain/*.py", "edge/domain.py", "mesh/money.py",
        "mesh/paging.py",
    ),
    "providers": ("payment_svc/providers/*.py", "payment_svc/providers/*/*.py"),
    "charging": (
        *(f"{_USE_CASES}/{name}.py" for name in (
            "payments", "operations", "ledger", "answers", "settlements", "predecessors", "checkouts", "returns",
            "accounts", "account_setting",
        )),
        f"{_USE_CASES}/routing/*.py",
        *(f"{_STORAGE}/{name}.py" for name in (
            "payments", "operations", "intents", "accounts", "routing", "maintenances",
        )),
    ),
    "refunds": (
        f"{_USE_CASES}/refunds.py", f"{_USE_CASES}/lost_refunds.py", f"{_USE_CASES}/taken_back/*.py",
        f"{_STORAGE}/refunds.py", f"{_STORAGE}/disputes.py",
    ),
    "webhooks": (
        f"{_USE_CASES}/webhooks.py", f"{_USE_CASES}/event_application.py", f"{_USE_CASES}/payment_events.py",
        f"{_STORAGE}/provider_events.py",
    ),
    "recovery": (
        f"{_USE_CASES}/recovery/*.py", f"{_USE_CASES}/reconciliation.py", f"{_USE_CASES}/reviews/*.py",
        f"{_STORAGE}/reviews.py", f"{_STORAGE}/restores.py",
    ),
    "idempotency": ("mesh/storage/idempotency.py",),
    "outbox": ("mesh/events/outbox.py", "mesh/events/relay.py", "mesh/events/unit_of_work.py"),
    "inbox": ("mesh/events/inbox.py",),
    "consumer": ("mesh/events/consumer.py", "order_svc/api/consumer.py", "notify_svc/api/consumer.py"),
}  # fmt: skip
"""What a payment depends on, by what it is for."""
SKIPPED = ("BitOr", "_Is", "RemoveDecorator")
"""Of names of operators: `|` stands in annotations only, `is` is `==` for members of enumerations."""

LOGGED = tuple(f"log.{level}" for level in ("debug", "info", "warning", "error"))
Span = tuple[tuple[int, int], tuple[int, int]]
"""From a line and column to another."""


@dataclass(frozen=True)
class Mutant:
    """A change, by what makes it."""

    group: str
    module: str
    operator: str
    occurrence: int
    line: int
    where: str

    def __str__(self) -> str:
        return f"{self.module}:{self.line} {self.where or '-'} {self.operator.removeprefix('core/')} {self.occurrence}"


def every_mutant(root: Path) -> Iterator[Mutant]:
    """Yield every change to the modules."""
    operators = _operators()
    nodes_of = importlib.import_module("cosmic_ray.ast")
    query = importlib.import_module("cosmic_ray.ast.ast_query").ASTQuery
    for group, patterns in GROUPS.items():
        for path in _paths(root, patterns):
            module = str(path.relative_to(root))
            nodes = list(nodes_of.ast_nodes(nodes_of.get_ast_from_path(path)))
            source = path.read_text()
            no_effect = [("", span) for span in without_effect(source)]
            no_effect += same_order(importlib.import_module(name_of(module)), source)
            for name, operator in operators.items():
                places = ((node, start) for node in nodes for start, _ in operator().mutation_positions(node))
                for number, (node, start) in enumerate(places):
                    if not any(name.endswith(end) and span[0] <= start < span[1] for end, span in no_effect):
                        yield Mutant(group, module, name, number, start[0], query(node).get_definition_name() or "")


def modules(root: Path) -> list[Path]:
    """Return what is changed."""
    return [path for patterns in GROUPS.values() for path in _paths(root, patterns)]


def name_of(module: str) -> str:
    """Return the name that a module is imported by."""
    return module.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def _paths(root: Path, patterns: Sequence[str]) -> list[Path]:
    there = {pattern: list(root.glob(pattern)) for pattern in patterns}
    assert all(there.values()), f"nothing is called so: {[pattern for pattern, paths in there.items() if not paths]}"
    return sorted(path for paths in there.values() for path in paths)


def _operators() -> dict[str, type]:
    plugins = importlib.import_module("cosmic_ray.plugins")
    return {
        name: plugins.get_operator(name)
        for name in sorted(plugins.operator_names())
        if not any(word in name for word in SKIPPED) and not plugins.get_operator(name).arguments()
    }


def without_effect(source: str) -> list[Span]:
    """Return where a change makes no difference to anybody, or mypy refuses it.

    Those are constants that say who may write to an object, the star after which arguments have names, the words of
    errors that say that the code itself is wrong, what is logged, and the number that a measurement is noted with.
    """
    found: list[ast.expr] = []
    stars: list[Span] = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ClassDef):
            decorators = [one for one in node.decorator_list if isinstance(one, ast.Call)]
            words = [word for decorator in decorators for word in decorator.keywords]
            found += [word.value for word in words if word.arg in ("frozen", "slots", "kw_only")]
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.args.kwonlyargs and not node.args.vararg:
            before: list[ast.arg | ast.expr] = [*node.args.posonlyargs, *node.args.args, *node.args.defaults]
            ends = [(one.end_lineno or 0, one.end_col_offset or 0) for one in before]
            named = node.args.kwonlyargs[0]
            stars.append((max(ends, default=(node.lineno, node.col_offset)), (named.lineno, named.col_offset)))
        elif isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
            found += node.exc.args if ast.unparse(node.exc.func) == "RuntimeError" else ()
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            called = ast.unparse(node.value.func)
            if called in LOGGED or called.endswith(".observe"):
                found += [*node.value.args, *(word.value for word in node.value.keywords)]
    return stars + [
        ((one.lineno, one.col_offset), (one.end_lineno or one.lineno, one.end_col_offset or one.col_offset))
        for one in found
    ]


SAME_AS = {"Eq": ("GtE", "LtE"), "NotEq": ("Lt", "Gt")}
"""What a comparison with the last member of an enumeration is the same as, and with the first."""


def same_order(module: ModuleType, source: str) -> list[tuple[str, Span]]:
    """Return the changes of comparisons that change nothing, by the ends of their operators' names.

    Nothing is more than the last member of an enumeration by the alphabet, or less than the first.
    """
    found = []
    for node in ast.walk(ast.parse(source)):
        if not (
            isinstance(node, ast.Compare) and len(node.ops) == 1 and isinstance(node.comparators[0], ast.Attribute)
        ):
            continue
        written, right = type(node.ops[0]).__name__, node.comparators[0]
        kind = vars(module).get(right.value.id) if isinstance(right.value, ast.Name) else None
        if written in SAME_AS and isinstance(kind, type) and issubclass(kind, StrEnum):
            last, first = SAME_AS[written]
            between = (node.left.end_lineno or 0, node.left.end_col_offset or 0), (right.lineno, right.col_offset)
            found += [(f"_{written}_{last}", between)] if kind[right.attr] is max(kind) else []
            found += [(f"_{written}_{first}", between)] if kind[right.attr] is min(kind) else []
    return found


def sample(every: Iterable[Mutant], size: int, seed: int) -> list[Mutant]:
    """Return as many of each group as of the others, and of one that has fewer all; seeded, the groups turn about.

    Whether one is chosen does not depend on the others: a sample stays what it is when the code changes elsewhere.
    """

    def drawn(mutant: Mutant) -> bytes:
        return hashlib.sha256(f"{seed} {mutant.module} {mutant.operator} {mutant.occurrence}".encode()).digest()

    by_group: dict[str, list[Mutant]] = {group: [] for group in GROUPS}
    for mutant in sorted(every, key=drawn, reverse=True):
        by_group[mutant.group].append(mutant)
    chosen: list[Mutant] = []
    while len(chosen) < size and any(by_group.values()):
        for mutants in by_group.values():
            if mutants and len(chosen) < size:
                chosen.append(mutants.pop())
    return chosen


def mutated(root: Path, mutant: Mutant) -> tuple[str, str]:
    """Return the text of a module, and with the change."""
    mutating = importlib.import_module("cosmic_ray.mutating")
    operator = importlib.import_module("cosmic_ray.plugins").get_operator(mutant.operator)
    before = (root / mutant.module).read_text()
    after = mutating.mutate_code(before, operator(), mutant.occurrence)
    assert after is not None
    return before, after


@dataclass(frozen=True)
class Statement:
    """Where a change stands: the lines that are executed with it, and what is called by names that it defines."""

    lines: frozenset[int]
    names: frozenset[str]


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def statement_at(path: Path, line: int) -> Statement:
    """Return the innermost statement that a line is of: of one with a body, its head."""
    found: ast.stmt | None = None
    for node in ast.walk(_tree(path)):
        if not isinstance(node, ast.stmt):
            continue
        begin = _head(node)[0]
        if begin <= line <= (node.end_lineno or node.lineno) and (found is None or begin >= _head(found)[0]):
            found = node
    if found is None:
        return Statement(frozenset(), frozenset())
    first, last = _head(found)
    if isinstance(found, ast.FunctionDef | ast.AsyncFunctionDef):
        # defaults and decorators take effect when it is called
        body = range(found.body[0].lineno, (found.end_lineno or found.lineno) + 1)
        return Statement(frozenset(body), frozenset({found.name}))
    if isinstance(found, ast.ClassDef):
        return Statement(frozenset(range(first, (found.end_lineno or first) + 1)), frozenset({found.name}))
    targets = (
        found.targets if isinstance(found, ast.Assign) else [found.target] if isinstance(found, ast.AnnAssign) else []
    )
    names = {node.id for target in targets for node in ast.walk(target) if isinstance(node, ast.Name)}
    return Statement(frozenset(range(first, last + 1)), frozenset(names))


def defined_at(path: Path, line: int) -> frozenset[str]:
    """Return the names of a module that the statement at a line gives, in whatever it stands."""
    found = next((one for one in _tree(path).body if _head(one)[0] <= line <= (one.end_lineno or one.lineno)), None)
    if isinstance(found, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return frozenset({found.name})
    return statement_at(path, found.lineno).names if found else frozenset()


def _head(node: ast.stmt) -> tuple[int, int]:
    decorators = [one.lineno for one in getattr(node, "decorator_list", ())]
    first = min([node.lineno, *decorators])
    body = getattr(node, "body", None)
    return first, (max(first, body[0].lineno - 1) if body else node.end_lineno or node.lineno)
