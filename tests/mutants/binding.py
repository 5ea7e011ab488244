"""Which names have another value when a statement that is executed on import is changed."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

from tests.mutants.lines import Seen


def bound(root: Path, module: str, line: int, imported: Seen) -> frozenset[str] | None:
    """Return the names of a module that a change of a line gives another value; None where that is not all it does."""
    tree = _tree(root / module)
    at_import = imported.get(module, frozenset())
    first = next((one for one in tree.body if one.lineno <= line <= (one.end_lineno or one.lineno)), None)
    if isinstance(first, ast.FunctionDef) and line >= first.body[0].lineno:
        changed = {first.name}
    elif isinstance(first, ast.Assign | ast.AnnAssign):
        changed = _targets(first)
    else:
        return None
    while True:
        more = _next(tree, changed, at_import)
        if more is None:
            return None
        if more <= changed:
            break
        changed |= more
    if _is_used_by_others(root, module, changed):
        return None
    assigned = {name for one in tree.body if isinstance(one, ast.Assign | ast.AnnAssign) for name in _targets(one)}
    return frozenset(changed & assigned)


def _next(tree: ast.Module, changed: set[str], at_import: frozenset[int]) -> set[str] | None:
    """Return what is defined by what has changed; None where it is a class, or something is done."""
    found: set[str] = set()
    for one in tree.body:
        if isinstance(one, ast.Import | ast.ImportFrom):
            continue
        if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef):
            if changed & set(_head_names(one)):
                return None
            if changed & set(_names(one)) and any(inner.lineno in at_import for inner in one.body):
                found.add(one.name)
        elif changed & set(_import_names(one)):
            if not isinstance(one, ast.Assign | ast.AnnAssign):
                return None
            found |= _targets(one)
    return found


def _is_used_by_others(root: Path, module: str, names: set[str]) -> bool:
    """Whether another module uses one of the names on import."""
    own = module.removesuffix(".py").replace("/", ".")
    return any(
        names & used and (own in sources or own.rpartition(".")[0] in sources)
        for path, used, sources in _used(root)
        if path != module
    )


@cache
def _used(root: Path) -> list[tuple[str, set[str], set[str]]]:
    """Return of each module of ours which names it uses on import, and what it imports from."""
    found = []
    for package in ("mesh", "order_svc", "payment_svc", "notify_svc", "edge"):
        for path in (root / package).rglob("*.py"):
            if "migrations" in path.parts:
                continue
            tree = _tree(path)
            used = {name for one in tree.body for name in _import_names(one)}
            sources = {one.module or "" for one in ast.walk(tree) if isinstance(one, ast.ImportFrom)}
            found.append((str(path.relative_to(root)), used, sources))
    return found


def _import_names(node: ast.stmt) -> Iterator[str]:
    """Yield the names that a statement uses when it is executed on import: not in bodies of functions."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        yield from _head_names(node)
    elif isinstance(node, ast.ClassDef):
        for one in (*node.decorator_list, *node.bases, *node.keywords):
            yield from _names(one)
        for inner in node.body:
            yield from _import_names(inner)
    elif not isinstance(node, ast.Import | ast.ImportFrom):
        yield from _names(node)


def _head_names(node: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[str]:
    defaults: Iterable[ast.expr | None] = (*node.decorator_list, *node.args.defaults, *node.args.kw_defaults)
    for one in defaults:
        if one is not None:
            yield from _names(one)


def _names(node: ast.AST) -> Iterator[str]:
    for one in ast.walk(node):
        if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Load):
            yield one.id
        elif isinstance(one, ast.Attribute):
            yield one.attr


def _targets(node: ast.Assign | ast.AnnAssign) -> set[str]:
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    return {one.id for target in targets for one in ast.walk(target) if isinstance(one, ast.Name)}


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text())
