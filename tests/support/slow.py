"""Proofs that are too slow for every run: `make chaos` runs them all, `make test` a short form of each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import pytest
from _pytest.mark import ParameterSet

T = TypeVar("T")


def short_of(cases: Sequence[T], *short: T) -> list[T | ParameterSet]:
    """Return the cases, all but the short form's marked as slow."""
    return [case if case in short else pytest.param(case, marks=pytest.mark.slow) for case in cases]
