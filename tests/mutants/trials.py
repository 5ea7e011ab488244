"""The trials of a sample, in the copy of the code."""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import pickle
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path

import pytest
from rich.console import Console

from tests.mutants.changes import GROUPS, Mutant, every_mutant, sample
from tests.mutants.host import LEFT_OUT, NEAR, SERVED, Host, stack_of, sweep
from tests.mutants.measures import Map, modules_of
from tests.mutants.trial import OPTIONS
from tests.support.paths import ROOT
from tests.support.stack.run import Run

console = Console(highlight=False, soft_wrap=True)
BARE = ("postgres", "nats")
"""The servers that tests of this process need."""
CHANGED = ("mesh", "order_svc", "payment_svc", "notify_svc", "edge")


def main(kept: Path, bare: Connection) -> int:
    """Try a sample; return 1 when less than the share that is asked for was found."""
    parser = argparse.ArgumentParser(prog="make mutants", description=__doc__)
    parser.add_argument("--sample", type=int, default=1000, help="how many")
    parser.add_argument("--seed", type=int, default=1, help="which")
    parser.add_argument("--module", default="", help="only modules whose path begins so")
    parser.add_argument("--again", action="store_true", help="only what has survived before")
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
        self._results = kept / f"{_stamp(CHANGED)}.results"
        self._map_file = kept / f"{_stamp(CHANGED)}.map"
        every = _every(kept)
        self._modules = modules_of(every)
        self._every = [mutant for mutant in every if mutant.module.startswith(options.module)]
        self._chosen = self._again() if options.again else sample(self._every, options.sample, options.seed)
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
        os.nice(10)
        ready = Run.current().shared_stack()
        known = {} if self._options.again else self._known()
        for number, mutant in enumerate(self._chosen, 1):
            if (found := known.get(_key(asdict(mutant)))) is not None:
                self._tried[mutant.group] += 1
                self._found[mutant.group] += bool(found)
                continue
            try:
                outcome = host.try_(mutant, self._options.near, self._options.served)
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
            if outcome.found_by.endswith(")"):
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

    def _again(self) -> list[Mutant]:
        known = self._known()
        return [mutant for mutant in self._every if known.get(_key(asdict(mutant))) == ""]

    def _known(self) -> dict[tuple[object, ...], str]:
        """Return by which test each change of this code was found, as far as it was tried; empty: it survived."""
        lines = self._results.read_text().splitlines() if self._results.exists() else []
        tried = [json.loads(line) for line in lines]
        return {_key(one["mutant"]): one["found_by"] for one in tried}

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
    known = kept / f"{_stamp(CHANGED)}.changes"
    if not known.exists():
        known.write_bytes(pickle.dumps(list(every_mutant(ROOT))))
    every: list[Mutant] = pickle.loads(known.read_bytes())
    return every


def _keep(file: Path, content: bytes) -> None:
    new = file.with_suffix(".new")
    new.write_bytes(content)
    new.rename(file)


def _stamp(folders: Sequence[str]) -> str:
    """Return what changes with the code in some folders."""
    digest = hashlib.sha256()
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*.py")):
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]
