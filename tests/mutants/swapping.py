"""Puts a change into a process that has imported everything, or into one that is about to."""

from __future__ import annotations

import gc
import importlib.machinery
import importlib.util
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.abc import MetaPathFinder
from pathlib import Path
from types import CodeType, FunctionType, ModuleType

_functions: dict[str, list[FunctionType]] = defaultdict(list)
"""By file, every function that there is."""


@dataclass(frozen=True)
class Change:
    """A module's text, before and after, and which of its names have another value afterwards."""

    path: Path
    name: str
    before: str
    after: str
    names: frozenset[str] = frozenset()


def index() -> None:
    """Note which functions there are: looking for them takes longer than many a trial."""
    for one in gc.get_objects():
        if type(one) is FunctionType:
            _functions[one.__code__.co_filename].append(one)


def put_in(change: Change) -> None:
    """Have the change in this process: in what is imported, and in what will be. Raises whatever importing raises."""
    sys.meta_path.insert(0, _Importing(change))
    if change.name in sys.modules:
        _swap(change)
        if change.names:
            _bind(change)


def _swap(change: Change) -> None:
    """Give every function of the module the code that it would have by the text after."""
    filename = str(change.path)
    old, new = (compile(text, filename, "exec", dont_inherit=True) for text in (change.before, change.after))
    pairs = {one: other for one, other in _pairs(old, new) if one != other}
    for one in _functions[filename]:
        if one.__code__ in pairs:
            one.__code__ = pairs[one.__code__]


def _pairs(old: CodeType, new: CodeType) -> Iterator[tuple[CodeType, CodeType]]:
    yield old, new
    inner = _codes(new)
    for key, code in _codes(old).items():
        if key in inner:
            yield from _pairs(code, inner[key])


def _codes(code: CodeType) -> dict[tuple[str, int, int], CodeType]:
    """Return the code inside of code, by its name, its line, and which it is of those of that name and line."""
    found: dict[tuple[str, int, int], CodeType] = {}
    for const in code.co_consts:
        if isinstance(const, CodeType):
            number = sum(1 for name, line, _ in found if (name, line) == (const.co_qualname, const.co_firstlineno))
            found[const.co_qualname, const.co_firstlineno, number] = const
    return found


def _bind(change: Change) -> None:
    """Give the names their other values, wherever they are known by that name."""
    module = sys.modules[change.name]
    made = ModuleType(change.name)
    made.__dict__.update({key: vars(module)[key] for key in ("__file__", "__package__", "__spec__", "__path__")
                          if key in vars(module)})  # fmt: skip
    exec(compile(change.after, str(change.path), "exec", dont_inherit=True), made.__dict__)
    for name in change.names:
        before, after = vars(module)[name], vars(made)[name]
        for other in list(sys.modules.values()):
            if getattr(other, "__dict__", {}).get(name) is before:
                vars(other)[name] = after


class _Importing(MetaPathFinder):
    """Has a module be imported as after its change."""

    def __init__(self, change: Change) -> None:
        self._change = change

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Return where the module is loaded from."""
        if fullname != self._change.name:
            return None
        loader = _Loader(fullname, str(self._change.path), self._change.after)
        return importlib.util.spec_from_file_location(fullname, self._change.path, loader=loader)


class _Loader(importlib.machinery.SourceFileLoader):
    def __init__(self, name: str, path: str, text: str) -> None:
        super().__init__(name, path)
        self._text = text

    def get_code(self, fullname: str) -> CodeType:
        return compile(self._text, self.path, "exec", dont_inherit=True)
