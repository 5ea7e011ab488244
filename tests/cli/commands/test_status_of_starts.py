"""`fusionxpay status` of a process that has just started, as one does that ends again and again."""

from __future__ import annotations

import time

import pytest
from rich.console import Console

from cli.commands.status import _print
from mesh.alerts import growth, rules
from mesh.alerts.growth import Growth
from mesh.alerts.rules import STARTED, Process, Sample, problems


def started(ago: float, **series: float) -> Process:
    """A process that began so long ago."""
    samples = [Sample(f"fusionxpay_{name}", {}, value) for name, value in series.items()]
    return Process("payment_svc", "a:1", [*samples, Sample(STARTED, {}, time.time() - ago)])


@pytest.mark.parametrize(("ago", "alerts"), [
    (1, []), (9, ["DatabaseUnreachable", "NatsUnreachable"]), (-60, ["DatabaseUnreachable", "NatsUnreachable"]),
])  # fmt: skip
def test_process_that_has_just_started_is_not_yet_without_what_it_connects_to(ago: float, alerts: list[str]) -> None:
    assert [one.alert for one in problems([started(ago, nats_up=0, database_up=0)])] == alerts


@pytest.mark.parametrize(("ago", "between", "told"), [
    (2.2, 5, True), (8, 5, False), (12, 60, False), (2, 0, False), (-60, 5, False),
])  # fmt: skip
def test_process_that_has_started_between_two_looks_is_named(ago: float, between: float, told: bool) -> None:
    found = Growth([], [started(ago, nats_up=1)], between).problems()
    assert [(one.alert, one.page) for one in found] == ([("ServiceDown", False)] if told else [])
    assert not told or found[0].words.startswith("payment_svc: started 2 s ago")


def test_console_asks_for_it_too() -> None:
    assert STARTED in rules.LOOKED_AT | growth.LOOKED_AT


def test_table_has_how_long_each_process_has_run(capsys: pytest.CaptureFixture[str]) -> None:
    ages = {7.2: "7 s", 119.1: "119 s", 125: "2 min", 7300: "2 h", 3 * 86400: "3 days"}
    _print(Console(width=80), [], [started(age) for age in ages], [])
    lines = capsys.readouterr().out.splitlines()
    shown = [" ".join(line.split()) for line in lines[1 : len(ages) + 1]]
    assert shown == [f"payment_svc yes {words}" for words in ages.values()]
