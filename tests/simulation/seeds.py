"""Short schedules one by one, for who chooses among tests by what they execute: pytest is told of this file by name."""

from __future__ import annotations

import pytest

from tests.simulation.profiles import PROFILES
from tests.simulation.schedule import Runner

SEEDS = len(PROFILES)
"""Each profile once."""


@pytest.mark.parametrize("seed", range(SEEDS))
def test_nothing_is_wrong_in_the_end(runner: Runner, seed: int) -> None:
    result = runner.run(seed)
    assert not result.complaints, result.tell()
