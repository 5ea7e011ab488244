"""What each test executes and how long it takes, without a change; and so which tests a change is tried with."""

from __future__ import annotations

import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.mutants.changes import Mutant, defined_at, name_of, statement_at
from tests.mutants.lines import Seen


@dataclass(frozen=True)
class Measure:
    """A test: how long it took, and what it executed."""

    seconds: float
    seen: Seen


@dataclass
class Map:
    """What was measured."""

    near: dict[str, Measure] = field(default_factory=dict)
    """Of tests that execute the code themselves."""
    served: dict[str, Measure] = field(default_factory=dict)
    """Of tests that ask a service which does."""
    imported: Seen = field(default_factory=dict)
    """What is executed when modules are imported, and never again."""
    failing: list[str] = field(default_factory=list)
    """Tests that failed, without any change."""
    files: dict[str, str] = field(default_factory=dict)
    """By file of tests, and by module, what changes with it."""

    def only(self, files: Mapping[str, str], modules: Mapping[str, str]) -> Map:
        """Return what was measured of tests whose files are as they were, and whatever modules they execute."""
        changed = {module for module, digest in modules.items() if self.files.get(module) != digest}

        def stays(test: str, executed: Iterable[str]) -> bool:
            file = _file_of(test)
            return file in files and self.files[file] == files[file] and changed.isdisjoint(executed)

        if not modules.keys() <= self.files.keys():
            # nobody has looked at it yet
            return Map(files={**files, **modules})
        return Map(
            {test: one for test, one in self.near.items() if stays(test, one.seen)},
            {test: one for test, one in self.served.items() if stays(test, one.seen)},
            self.imported,
            # what fails may want what is not there yet, or the machine was busy
            [],
            {**files, **modules},
        )


class Choice:
    """Says which tests bear on a change, the most promising first."""

    def __init__(self, root: Path, measured: Map) -> None:
        self._root = root
        self._map = measured
        self._texts: dict[str, set[str]] = {}
        self._known: dict[tuple[int, str, int], set[str]] = {}
        self._kills: dict[str, Counter[str]] = defaultdict(Counter)
        self._lines = {module: (root / module).read_text().splitlines() for module in measured.imported}
        self._executing = {id(kind): _by_line(kind) for kind in (measured.near, measured.served)}

    def is_imported(self, mutant: Mutant) -> bool:
        """Whether a change takes effect on import."""
        lines = statement_at(self._root / mutant.module, mutant.line).lines
        return mutant.line in self._map.imported.get(mutant.module, ()) or bool(
            lines & self._map.imported.get(mutant.module, frozenset())
        )

    def has_killed(self, test: str, mutant: Mutant) -> None:
        """Learn what to try first."""
        self._kills[mutant.module][test] += 3
        # those beside it are about the module as well
        self._kills[mutant.module][_file_of(test)] += 1

    def near(self, mutant: Mutant, seconds: float) -> list[str]:
        """Return tests of this process, of no more than so many seconds."""
        return self._chosen(self._map.near, mutant, seconds)

    def served(self, mutant: Mutant, seconds: float) -> list[str]:
        """Return tests that ask a service."""
        return self._chosen(self._map.served, mutant, seconds)

    def _chosen(self, kind: dict[str, Measure], mutant: Mutant, seconds: float) -> list[str]:
        kills = self._kills[mutant.module]
        place = id(kind), mutant.module, mutant.line
        if place not in self._known:
            self._known[place] = self._bearing(kind, mutant)
        tests = self._known[place]
        own = f"[{name_of(mutant.module)}]"
        worth = {test: 1 + kills[test] + kills[_file_of(test)] + 50 * test.endswith(own) for test in tests}
        ordered = sorted(tests, key=lambda test: (kind[test].seconds + 0.01) / worth[test])
        chosen: list[str] = []
        left = seconds
        for test in ordered:
            # one at least, and a long one does not keep shorter ones out
            if not chosen or kind[test].seconds <= left:
                chosen.append(test)
                left -= kind[test].seconds
        return chosen

    def _bearing(self, kind: dict[str, Measure], mutant: Mutant) -> set[str]:
        executing = self._executing[id(kind)]
        statement = statement_at(self._root / mutant.module, mutant.line)
        imported = self._map.imported.get(mutant.module, frozenset())
        tests = {test for line in statement.lines - imported for test in executing[mutant.module, line]}
        if statement.lines & imported or mutant.line in imported:
            names = statement.names | defined_at(self._root / mutant.module, mutant.line)
            tests |= self._using(executing, mutant.module, names)
            tests |= {test for test in kind if self._names(test, mutant.module, names)}
            if not tests:
                tests = {test for (module, _), some in executing.items() if module == mutant.module for test in some}
        return tests

    def _names(self, test: str, module: str, names: Iterable[str]) -> bool:
        """Whether a test's file speaks of one of the names of a module."""
        file = _file_of(test)
        if file not in self._texts:
            self._texts[file] = set(re.findall(r"\w+", (self._root / file).read_text()))
        words = self._texts[file]
        return Path(module).stem in words and not words.isdisjoint(names)

    def _using(self, executing: dict[tuple[str, int], set[str]], own: str, names: Iterable[str]) -> set[str]:
        """Return the tests that execute a line on which one of the names stands, or what is defined by it."""
        found: set[str] = set()
        left, known = [(own, name) for name in names], set[tuple[str, str]]()
        while left:
            if (at := left.pop()) in known:
                continue
            known.add(at)
            source, name = at
            word = re.compile(rf"\b{re.escape(name)}\b")
            for module, text in self._lines.items():
                if module != source and name.startswith("_"):
                    continue
                for line in (number for number, words in enumerate(text, 1) if word.search(words)):
                    found |= executing[module, line]
                    if line in self._map.imported[module]:
                        left += [(module, one) for one in defined_at(self._root / module, line)]
        return found


def _file_of(test: str) -> str:
    return test.partition("::")[0]


def _by_line(kind: dict[str, Measure]) -> dict[tuple[str, int], set[str]]:
    found: dict[tuple[str, int], set[str]] = defaultdict(set)
    for test, measure in kind.items():
        for module, lines in measure.seen.items():
            for line in lines:
                found[module, line].add(test)
    return found


def digest(content: bytes) -> str:
    """Return what changes with some content."""
    return hashlib.sha256(content).hexdigest()[:16]


def modules_of(mutants: Sequence[Mutant]) -> list[str]:
    """Return which modules are changed."""
    return sorted({mutant.module for mutant in mutants})
