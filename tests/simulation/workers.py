"""What each process of a run does."""

from __future__ import annotations

import argparse
import itertools
from typing import Any

from tests.simulation.schedule import Result, run_seeds


def work(server: str, index: int, options: argparse.Namespace, queue: Any, stop: Any) -> None:
    """Run every n-th schedule, and put the results into the queue; None at the end."""
    last = options.first + options.seeds if options.seeds else None
    seeds = itertools.count(options.first + index, options.workers)
    chosen = (seed for seed in seeds) if last is None else itertools.takewhile(lambda seed: seed < last, seeds)

    def each(result: Result) -> bool:
        if not result.complaints:
            result.story = []
        queue.put(result)
        return not stop.is_set()

    try:
        run_seeds(server, str(index), chosen, each, options.profile)
    finally:
        queue.put(None)
