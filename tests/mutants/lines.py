"""Which lines are executed: of the packages that are changed, by whoever is traced.

`python -m tests.mutants.lines ROOT MODULE …` tells those that importing the modules executes, as JSON by module.
"""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path
from types import FrameType
from typing import Any

Seen = dict[str, frozenset[int]]
"""Lines by module."""
Trace = Callable[[FrameType, str, Any], Any]


class Lines:
    """Notes the lines that are executed in some modules."""

    def __init__(self, root: Path, modules: Iterable[str]) -> None:
        self._modules = {str(root / module): module for module in modules}
        self._seen: dict[str, set[int]] = defaultdict(set)
        self._tracers: dict[str, Trace | None] = {}

    def begin(self) -> None:
        """Note what is executed from now on, in all threads."""
        threading.settrace(self._enter)
        sys.settrace(self._enter)

    def end(self) -> None:
        """Note nothing more."""
        sys.settrace(None)
        threading.settrace(None)

    def cut(self) -> Seen:
        """Return what was executed since the last cut."""
        seen = {module: frozenset(lines) for module, lines in list(self._seen.items()) if lines}
        for lines in list(self._seen.values()):
            lines.clear()
        return seen

    def _enter(self, frame: FrameType, event: str, arg: Any) -> Trace | None:
        name = frame.f_code.co_filename
        try:
            return self._tracers[name]
        except KeyError:
            made = self._tracers[name] = self._tracer(name)
            return made

    def _tracer(self, name: str) -> Trace | None:
        module = self._modules.get(name)
        if module is None:
            return None
        note = self._seen[module].add

        def trace(frame: FrameType, event: str, arg: Any) -> Trace:
            if event == "line":
                note(frame.f_lineno)
            return trace

        return trace


def executed_on_import(root: Path, modules: Iterable[str]) -> Seen:
    """Return what importing modules executes, in a process that has imported nothing of them yet."""
    argv = [sys.executable, "-m", "tests.mutants.lines", str(root), *modules]
    told = json.loads(subprocess.run(argv, cwd=root, check=True, capture_output=True).stdout)
    return {module: frozenset(lines) for module, lines in told.items()}


def _main() -> None:
    root, *modules = sys.argv[1:]
    lines = Lines(Path(root), modules)
    lines.begin()
    for module in (*modules, "payment_svc/__main__.py"):
        importlib.import_module(module.removesuffix(".py").removesuffix("/__init__").replace("/", "."))
    lines.end()
    sys.stdout.write(json.dumps({module: sorted(seen) for module, seen in lines.cut().items()}))


if __name__ == "__main__":
    _main()
