"""The probes: what they answer while a process lives, stands still, and ends."""

from __future__ import annotations

import httpx
import pytest

from mesh.probes import Vitals, serve


class Clock:
    """A clock that is set."""

    def __init__(self) -> None:
        self.time = 1000.0

    def __call__(self) -> float:
        """Return the time."""
        return self.time


@pytest.fixture
def clock() -> Clock:
    """The process's clock."""
    return Clock()


@pytest.fixture
def vitals(clock: Clock) -> Vitals:
    """How the process is."""
    return Vitals(clock)


@pytest.fixture
def url(vitals: Vitals) -> str:
    """Where the probes are answered."""
    return f"http://{serve('127.0.0.1:0', vitals)}"


def ask(url: str) -> tuple[int, int]:
    """Return the answers to both probes."""
    return httpx.get(f"{url}/livez").status_code, httpx.get(f"{url}/readyz").status_code


def test_process_that_starts_lives_and_is_not_ready(url: str) -> None:
    assert ask(url) == (200, 503)


def test_loop_that_stands_still_for_15_seconds_is_dead_and_not_ready(url: str, clock: Clock, vitals: Vitals) -> None:
    vitals.is_ready = True
    vitals.turn()
    assert ask(url) == (200, 200)
    clock.time += 14.9
    assert ask(url) == (200, 200)
    clock.time += 0.2
    assert ask(url) == (503, 503)
    vitals.turn()
    assert ask(url) == (200, 200)


def test_who_is_told_to_end_is_not_ready_and_lives(url: str, vitals: Vitals) -> None:
    vitals.turn()
    vitals.is_ready = False
    assert ask(url) == (200, 503)
    assert "away, or the process ends" in httpx.get(f"{url}/readyz").text


def test_metrics_are_answered_beside_them(url: str) -> None:
    assert "fusionxpay_database_up" in httpx.get(f"{url}/metrics").text
