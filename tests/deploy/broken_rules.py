"""Breaks each alert rule in small ways and has promtool say which of them no case notices.

`python -m tests.deploy.broken_rules` tries every way, and prints what nobody notices: the rule and the break. Not each
is a gap: where a sum only has to be more than nothing, its greatest part says the same.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml

FOLDER = Path(__file__).parents[2] / "deploy" / "observability"
UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
FACTOR = 4
QUICK = "bounds_test"
Rule = dict[str, Any]
Break = Callable[[Rule], Iterator[tuple[str, Rule]]]
"""Yields the breaks of one kind: what was done, and the rule as it is then."""


def _by(pattern: str, others: Callable[[re.Match[str]], Iterator[str]]) -> Break:
    """Return what puts other texts in the place of each match in a rule's expression."""

    def broken(rule: Rule) -> Iterator[tuple[str, Rule]]:
        expression = " ".join(rule["expr"].split())
        for match in re.finditer(pattern, expression):
            for other in others(match):
                changed = expression[: match.start()] + other + expression[match.end() :]
                yield f"{match[0]} -> {other or 'nothing'}", rule | {"expr": changed}

    return broken


def _bounds(match: re.Match[str]) -> Iterator[str]:
    operator, number, times = match.groups()
    if operator == "==":
        yield f"!= {number}"
        yield from (f"== {other}" for other in "012" if other != number)
    elif float(number) == 0:
        yield f"{operator}= 0"
    else:
        yield from (f"{operator} {value:g}{times}" for value in (float(number) * FACTOR, float(number) / FACTOR))


def _matchers(match: re.Match[str]) -> Iterator[str]:
    parts = re.findall(r'\w+(?:=~|!=|=)"[^"]*"', match[1])
    for part in parts:
        rest = ",".join(one for one in parts if one != part)
        yield f"{{{rest}}}" if rest else ""
        label, _, values = part.partition('=~"')
        if values and "(" not in values:
            named = values.rstrip('"').split("|")
            for left_out in named:
                fewer = "|".join(one for one in named if one != left_out)
                yield match[0].replace(part, f'{label}=~"{fewer}"')


def _labels(match: re.Match[str]) -> Iterator[str]:
    # of the first two another test sees to it
    labels = match[2].split(", ")
    for label in labels[2:]:
        yield f"{match[1]} ({', '.join(one for one in labels if one != label)})"


def _windows(match: re.Match[str]) -> Iterator[str]:
    yield f"[{int(match[1]) * UNITS[match[2]] * (FACTOR + 1)}s]"


def _wait(rule: Rule) -> Iterator[tuple[str, Rule]]:
    if wait := rule.get("for"):
        yield "for: nothing", {name: value for name, value in rule.items() if name != "for"}
        yield f"for: {FACTOR} times as long", rule | {"for": f"{int(wait[:-1]) * FACTOR}{wait[-1]}"}
    else:
        yield "for: 10m", rule | {"for": "10m"}


def _severity(rule: Rule) -> Iterator[tuple[str, Rule]]:
    other = "ticket" if rule["labels"]["severity"] == "page" else "page"
    yield f"severity: {other}", rule | {"labels": rule["labels"] | {"severity": other}}


def _clauses(rule: Rule) -> Iterator[tuple[str, Rule]]:
    """Leave out a clause that begins with `and`, `or` or `unless`, up to the next of its depth."""
    expression = " ".join(rule["expr"].split())
    depths = [len(re.findall(r"[({[]", expression[:at])) - len(re.findall(r"[)}\]]", expression[:at]))
              for at in range(len(expression) + 1)]  # fmt: skip
    begins = [match.start() for match in re.finditer(r" (?:and|or|unless) (?=\S)", expression)]
    for begin in begins:
        later = range(begin + 1, len(expression) + 1)
        is_end = (at for at in later if depths[at] < depths[begin] or (at in begins and depths[at] == depths[begin]))
        end = next(is_end, len(expression))
        if depths[end] < depths[begin]:
            end -= 1
        yield f"without {expression[begin:end].strip()}", rule | {"expr": expression[:begin] + expression[end:]}


ESSENTIAL: tuple[Break, ...] = (_by(r"(>=|>|<=|<|==) (\d[\d.e]*)((?: \* \d+)*)", _bounds), _wait, _severity)
ALL: tuple[Break, ...] = (
    *ESSENTIAL,
    _clauses,
    _by(r"\{([^}]*)\}", _matchers),
    _by(r"\b(by|on) \(([^)]*)\)", _labels),
    _by(r"\b(max|min|sum)(?= by)", lambda match: iter({"max", "min"} - {match[1]})),
    _by(r"\[(\d+)([smhd])\]", _windows),
)


def unnoticed(breaks: Sequence[Break]) -> list[str]:
    """Break every alert in each of these ways, and return those breaks with which all cases still pass."""
    groups = yaml.safe_load((FOLDER / "alerts.yaml").read_text())["groups"]
    rules: list[Rule] = [rule for group in groups for rule in group["rules"]]
    recorded = [rule for rule in rules if "record" in rule]
    broken: dict[str, list[Rule]] = defaultdict(list)
    words: dict[str, str] = {}
    for rule in rules:
        for done, changed in (one for kind in breaks if "alert" in rule for one in kind(rule)):
            name = f"{rule['alert']}__{len(words)}"
            words[name] = f"{rule['alert']}: {done}"
            broken[rule["alert"]].append(changed | {"alert": name})

    seen: set[str] = set()

    def noticed(every: str, test: Rule) -> set[str]:
        left = {name: [one for one in ones if one["alert"] not in seen] for name, ones in broken.items()}
        cases = [case | {"alertname": one["alert"]} for case in test["alert_rule_test"]
                 for one in left.get(case["alertname"], ())]  # fmt: skip
        wanted = {case["alertname"] for case in cases}
        under_test = [one for ones in left.values() for one in ones if one["alert"] in wanted]
        looked_at = [{"name": "recorded", "rules": recorded}, {"name": "broken", "rules": under_test}]
        suite = {"rule_files": ["rules"], "evaluation_interval": every, "tests": [test | {"alert_rule_test": cases}]}
        with TemporaryDirectory() as folder:
            Path(folder, "rules").write_text(json.dumps({"groups": looked_at}))
            Path(folder, "suite").write_text(json.dumps(suite))
            command = ["promtool", "test", "rules", "suite"]
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        return set(re.findall(r"\w+__\d+", done.stdout + done.stderr))

    with ThreadPoolExecutor(2) as pool:
        # the quickest first: what they notice is not tried again
        for path in sorted(FOLDER.glob("*_test.yaml"), key=lambda path: QUICK not in path.name):
            suite = yaml.safe_load(path.read_text())
            found = [pool.submit(noticed, suite["evaluation_interval"], test) for test in suite["tests"]]
            seen = seen.union(*(one.result() for one in found))
    return [text for name, text in words.items() if name not in seen]


if __name__ == "__main__":
    sys.stdout.write("".join(f"{text}\n" for text in unnoticed(ALL)))
