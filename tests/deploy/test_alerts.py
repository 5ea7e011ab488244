"""The alert rules: against the catalogue of metrics, the runbooks, the command line, and by promtool where it is."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from cli.__main__ import COMMANDS
from mesh.alerts import growth, rules
from mesh.metrics import LONG_SECONDS, SECONDS, Series, Varies
from stack.layout import REPLICATED
from stack.observer import _expecting
from tests.deploy.broken_rules import ESSENTIAL, unnoticed
from tools import metrics_catalogue

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy" / "observability"
RULES: list[dict[str, Any]] = [
    rule for group in yaml.safe_load((FOLDER / "alerts.yaml").read_text())["groups"] for rule in group["rules"]
]
ALERTS = [rule for rule in RULES if "alert" in rule]
PAGES = sorted(path for path in (ROOT / "docs" / "runbooks").glob("*.md") if path.stem != "README")
SLOWEST_SCRAPE = 15
SERIES = r"fusionxpay_[a-z_]+"


@pytest.fixture(scope="module")
def catalogue() -> dict[str, Series]:
    """Every series, by its name."""
    return {one.name: one for declared in metrics_catalogue.series().values() for one in declared}


def series_of(text: str) -> set[str]:
    """Return the series that an expression names; a histogram's parts are the histogram."""
    return {re.sub(r"_(bucket|count|sum)$", "", name) for name in re.findall(SERIES, text)}


def test_every_series_of_a_rule_exists(catalogue: dict[str, Series]) -> None:
    named = set().union(*(series_of(rule["expr"]) for rule in RULES))
    assert named - catalogue.keys() == set()
    assert {one.series for one in rules._RULES} - catalogue.keys() == set()
    text = (ROOT / "mesh" / "alerts" / "growth.py").read_text()
    assert series_of(text) - catalogue.keys() == set()
    # what the console asks services for is all that is looked at
    assert set(re.findall(rf'"({SERIES})"', text)) - {"fusionxpay_provider_call_seconds"} <= growth.LOOKED_AT


def test_every_value_of_a_label_that_a_rule_waits_for_exists(catalogue: dict[str, Series]) -> None:
    """A rule that waits for a value that nobody sets is silent for ever."""
    alerts = {one.name for raised in metrics_catalogue.alerts().values() for one in raised}
    for rule in RULES:
        for name, selector in re.findall(rf"({SERIES})\{{([^}}]*)\}}", rule["expr"]):
            labels = catalogue[name if name in catalogue else next(iter(series_of(name)))].labels
            for label, operator, pattern in re.findall(r'(\w+)(=~?)"([^"]*)"', selector):
                if label == "le":
                    assert float(pattern) in {*SECONDS, *LONG_SECONDS}, f"no bucket of {name} ends at {pattern}"
                    continue
                values = labels[label]
                if isinstance(values, Varies):
                    values = sorted(alerts) if label == "alert" else []
                wanted = pattern.split("|") if operator == "=~" and "(" not in pattern else [pattern]
                assert not values or set(wanted) <= set(values), f"{rule.get('alert')}: {label}"


TOLD_OTHERWISE = {
    "dead_letter": "DeadLetterOpen looks at those that are open",
    "event_forged": "a forged event is a dead letter",
    "outbox_event_set_aside": "EventSetAside looks at the outbox",
    "audit_backlog": "AuditBehind looks at the bytes",
    "payment_needs_review": "ReviewOpen looks at those that are open",
    "payment_disputed": "the merchant is told, and DisputeDue looks at the deadline",
    "provider_circuit_open": "ProviderFailing looks at the circuit",
    "webhook_endpoint_disabled": "the merchant was told, and EndpointFailing looked at it for days",
}
"""What is counted and stands in no rule, with the reason."""


def test_what_a_person_has_to_look_at_is_in_a_rule(catalogue: dict[str, Series]) -> None:
    """What is counted and no rule looks at is told to nobody."""
    told = {one.name for raised in metrics_catalogue.alerts().values() for one in raised}
    named = re.findall(r'alert=~?"([^"]*)"', " ".join(rule["expr"] for rule in RULES))
    in_rules = {name for pattern in named for name in pattern.split("|")}
    assert told == in_rules | TOLD_OTHERWISE.keys()
    assert not in_rules & TOLD_OTHERWISE.keys()
    # none is declared beside them, where the catalogue does not see it
    folders = (ROOT / package for package in metrics_catalogue.MODULES)
    declared = [path for folder in folders for path in folder.rglob("*.py") if " = Alert(" in path.read_text()]
    assert {path.name for path in declared} == {"metrics.py"}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: str(rule.get("alert", rule.get("record"))))
def test_nothing_of_one_release_stands_for_anothers(rule: dict[str, Any]) -> None:
    """Several may be in one Prometheus. Labels that no target has are empty, and so hurt nowhere."""
    bare = re.sub(r'"[^"]*"', '""', rule["expr"])
    for kind in re.findall(r"\b(?:sum|min|max|avg|count|group|topk|quantile)\b\s*(\S+ \S+ \S+)", bare):
        assert kind.startswith("by (namespace, release"), kind
    matched = re.findall(r"\b(?:on|ignoring|without) (?:\(objective\) group_left \S+|\S+ \S+)", bare)
    budget = "on (objective) group_left fusionxpay:objective_budget"
    assert [one for one in matched if one != budget and not one.startswith("on (namespace, release")] == []


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: str(rule.get("alert", rule.get("record"))))
def test_windows_have_four_scrapes_of_the_slowest_and_a_wait_more_than_one(rule: dict[str, Any]) -> None:
    """`increase` wants two samples, and of two scrapes one may fail. The chart scrapes every 15 s."""
    units = {"s": 1, "m": 60, "h": 3600, "d": 86400}
    windows = re.findall(r"\[(\d+)([smhd])\]", rule["expr"])
    assert [one for one in windows if int(one[0]) * units[one[1]] < 4 * SLOWEST_SCRAPE] == []
    if waits := re.fullmatch(r"(\d+)([smhd])", rule.get("for", "")):
        assert int(waits[1]) * units[waits[2]] > SLOWEST_SCRAPE


def test_every_part_of_a_release_is_missed() -> None:
    (rule,) = (rule for rule in ALERTS if rule["alert"] == "ServiceDown")
    missed = re.findall(r'absent\(up\{job="fusionxpay",component="(\w+)"\}\)', rule["expr"])
    assert sorted(missed) == sorted([*REPLICATED, "envoy"])
    few = yaml.safe_load(_expecting({"edge": ""}, (FOLDER / "alerts.yaml").read_text()))
    (rule,) = (rule for group in few["groups"] for rule in group["rules"] if rule.get("alert") == "ServiceDown")
    assert re.findall(r'component="(\w+)"', rule["expr"]) == ["edge"]


def test_every_alert_has_its_page_and_every_page_its_alert() -> None:
    assert [page.stem for page in PAGES] == sorted(rule["alert"] for rule in ALERTS)
    for rule in ALERTS:
        assert rule["annotations"]["runbook"] == f"docs/runbooks/{rule['alert']}.md"
        assert rule["labels"]["severity"] in (("none",) if rule["alert"] == "Watchdog" else ("page", "ticket"))
    listed = (ROOT / "docs" / "runbooks" / "README.md").read_text()
    assert all(f"[{page.stem}]({page.name})" in listed for page in PAGES)


def test_what_status_finds_is_an_alert_of_the_same_weight() -> None:
    weights = {rule["alert"]: rule["labels"]["severity"] == "page" for rule in ALERTS}
    assert {one.alert: one.page for one in rules._RULES}.items() <= weights.items()
    named = re.findall(
        r'Problem\("(\w+)",.*?(page=False)?\)$', (ROOT / "mesh" / "alerts" / "growth.py").read_text(), re.MULTILINE
    )
    assert {alert for alert, _ in named} <= weights.keys()


def test_loops_that_are_watched_are_the_same_everywhere_and_exist() -> None:
    (rule,) = (rule for rule in ALERTS if rule["alert"] == "WorkerStuck")
    (named,) = re.findall(r'worker=~"([^"]*)"', rule["expr"])
    assert named.split("|") == list(rules.WORKERS)
    folders = ("mesh", "payment_svc", "notify_svc", "audit_svc")
    source = "".join(path.read_text() for folder in folders for path in (ROOT / folder).rglob("*.py"))
    assert [worker for worker in rules.WORKERS if f'Worker("{worker}"' not in source] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.stem))
def test_page_names_commands_that_exist(page: Path) -> None:
    text = page.read_text()
    assert text.startswith(f"# {page.stem}\n")
    commands = re.findall(r"fusionxpay ([a-z]+)", text)
    assert "status" in commands
    assert set(commands) <= COMMANDS.keys()


@pytest.mark.skipif(shutil.which("promtool") is None, reason="there is no promtool (Debian: the package prometheus)")
@pytest.mark.parametrize(
    "arguments",
    [
        ("check", "rules", "alerts.yaml"),
        ("test", "rules", "alerts_test.yaml"),
        ("test", "rules", "lasting_test.yaml"),
        ("test", "rules", "objectives_test.yaml"),
        ("test", "rules", "clusters_test.yaml"),
        ("test", "rules", "bounds_test.yaml"),
        ("test", "rules", "days_test.yaml"),
    ],
)
def test_rules_hold_by_promtool(arguments: tuple[str, ...]) -> None:
    done = subprocess.run(["promtool", *arguments], cwd=FOLDER, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.skipif(shutil.which("promtool") is None, reason="there is no promtool (Debian: the package prometheus)")
def test_every_alert_has_cases_that_fail_with_its_bound_its_wait_or_its_weight() -> None:
    """A rule without a case passes whatever it says."""
    assert unnoticed(ESSENTIAL) == []
