"""The trials of a sample, in the copy of the code."""

from __future__ import annotations

import argparse
import json
import os
import pickle
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from tests.mutants import changes
from tests.mutants.changes import GROUPS, Mutant, every_mutant, modules, sample
from tests.mutants.host import LEFT_OUT, NEAR, SERVED, Host, Seconds, stack_of, sweep
from tests.mutants.measures import Map, digest, modules_of
from tests.mutants.trial import OPTIONS
from tests.support.paths import ROOT
from tests.support.stack.run import Run

console = Console(highlight=False, soft_wrap=True)
BARE = ("postgres", "nats")
"""The servers that tests of this process need."""


def main(kept: Path, bare: Connection) -> int:
    """Try a sample; return 1 when less than the share that is asked for was found."""
    parser = argparse.ArgumentParser(prog="make mutants", description=__doc__)
    parser.add_argument("--sample", type=int, default=1000, help="how many")
    parser.add_argument("--seed", type=int, default=1, help="which")
    parser.add_argument("--module", default="", help="only modules whose path begins so")
    parser.add_argument("--again", action="store_true", help="also with tests that did not see a change before")
    parser.add_argument("--near", type=float, default=30.0, help="seconds of tests of a trial, in this process")
    parser.add_argument("--served", type=float, default=15.0, help="the same, of those that ask a service")
    parser.add_argument("--least", type=float, default=0.9, help="the share that has to be found")
    options = parser.parse_args()
    kept.mkdir(parents=True, exist_ok=True)
    return Trials(options, kept, bare).run()


class Trials:
    """The trials of a sample."""

    def __init__(self, options: argparse.Namespace, kept: Path, bare: Connection) -> None:
        self._options = options
        self._bare = bare
        self._results = kept / "results"
        self._map_file = kept / "map"
        every = _every(kept)
        self._modules = modules_of(every)
        self._every = [mutant for mutant in every if mutant.module.startswith(options.module)]
        self._chosen = sample(self._every, options.sample, options.seed)
        self._found: Counter[str] = Counter()
        self._tried: Counter[str] = Counter()

    def run(self) -> int:
        """Try them all, and say how it went."""
        run = Run.begin()
        with (
            stack_of(run, () if self._options.served else BARE),
            tempfile.TemporaryDirectory(prefix="fusionxpay-trials-") as folder,
        ):
            host = Host(ROOT, Path(folder), self._bare, self._modules, self._try_all)
            ignored = [f"--ignore={path}" for path in LEFT_OUT]
            pytest.main(
                [*OPTIONS, f"--basetemp={folder}/tmp", *ignored, *NEAR, *(SERVED if self._options.served else ())],
                plugins=[host],
            )
        return self._score()

    def _try_all(self, host: Host) -> None:
        host.use(self._measured(host))
        # nobody is to be held up by this
        os.nice(max(0, 10 - os.nice(0)))
        ready = Run.current().shared_stack()
        known = self._known(host)
        seconds = Seconds(self._options.near, self._options.served)
        for number, mutant in enumerate(self._chosen, 1):
            before = known.get(_key(asdict(mutant)))
            tried = before["survived"] if before and not self._options.again else ()
            if before and (
                before["found_by"] or not (self._options.again or any(host.untried(mutant, seconds, tried)))
            ):
                self._tried[mutant.group] += 1
                self._found[mutant.group] += bool(before["found_by"])
                continue
            try:
                outcome = host.try_(mutant, seconds, tried)
            except SyntaxError as error:
                console.print(f"not tried: {mutant}: {error}")
                continue
            self._tried[mutant.group] += 1
            self._found[mutant.group] += bool(outcome.found_by)
            said = outcome.found_by or "SURVIVED"
            said += f", though {outcome.doubt} fails, as without a change" if outcome.doubt else ""
            effort = f"{outcome.seconds:.1f} s, {outcome.tried} tests"
            console.print(f"{number:4d} [{mutant.group}] {mutant}: {said} ({effort})", markup=False)
            with self._results.open("a") as file:
                file.write(json.dumps(asdict(outcome) | {"time": time.time()}) + "\n")
            sweep(ready)

    def _measured(self, host: Host) -> Map:
        known = pickle.loads(self._map_file.read_bytes()) if self._map_file.exists() else Map()
        begin = time.monotonic()
        host.measure(
            known, partial(console.print, markup=False), lambda measured: _keep(self._map_file, pickle.dumps(measured))
        )
        measured = host.map
        console.print(
            f"{len(measured.near)} and {len(measured.served)} tests measured in {time.monotonic() - begin:.0f} s"
        )
        return measured

    def _known(self, host: Host) -> dict[tuple[object, ...], Mapping[str, Any]]:
        """Return what became of each change to modules as they are, as far as it was tried."""
        lines = self._results.read_text().splitlines() if self._results.exists() else []
        tried = [json.loads(line) for line in lines]
        known = {
            _key(one["mutant"]): one for one in tried if one["module"] == host.map.files.get(one["mutant"]["module"])
        }
        for mutant in self._every:
            if found := known.get(_key(asdict(mutant)), {}).get("found_by"):
                host.choice.has_killed(found.partition(" (")[0], mutant)
        return known

    def _score(self) -> int:
        there = Counter(mutant.group for mutant in self._every)
        for group in GROUPS:
            if tried := self._tried[group]:
                share = self._found[group] / tried
                console.print(f"{group:12} {self._found[group]:4d} of {tried:4d} ({share:.1%}), of {there[group]}")
        found, tried = self._found.total(), self._tried.total()
        share = found / max(tried, 1)
        console.print(f"{found} of {tried} found ({share:.1%}), of {len(self._every)} that there are")
        return 0 if tried and share >= self._options.least else 1


def _key(mutant: Mapping[str, object]) -> tuple[object, ...]:
    return mutant["module"], mutant["operator"], mutant["occurrence"]


def _every(kept: Path) -> list[Mutant]:
    """Return every change: of the same code it is known after the first time."""
    texts = [path.read_bytes() for path in (Path(changes.__file__), *modules(ROOT))]
    stamp = digest(b"".join(texts))
    known = kept / "changes"
    if known.exists():
        of, every = pickle.loads(known.read_bytes())
        if of == stamp:
            return list(every)
    found = list(every_mutant(ROOT))
    _keep(known, pickle.dumps((stamp, found)))
    return found


def _keep(file: Path, content: bytes) -> None:
    new = file.with_suffix(".new")
    new.write_bytes(content)
    new.rename(file)
