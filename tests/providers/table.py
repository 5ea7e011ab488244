"""`python -m tests.providers.table`: write the capability table of `docs/providers.md`; `--check` only compares.

What a cell says is what the provider's `capabilities` say, and the cases in its row hold the provider to that, with
and without the capability.
"""

from __future__ import annotations

import importlib
import re
import sys
from datetime import timedelta
from pathlib import Path

from payment_svc.providers.registry import capabilities_of, discover
from tests.providers.cases import CASES, EVERY
from tests.support.paths import ROOT

FILE = ROOT / "docs" / "providers.md"
BEGIN = "<!-- begin: python -m tests.providers.table -->\n"
END = "<!-- end -->\n"
TITLES = {
    "hosted_page": "Hosted page",
    "tokens": "Tokens",
    "authorization_lifetime": "Capture by hand, within",
    "partial_capture": "Capture of a part",
    "refunds": "Refunds",
    "partial_refunds": "Refunds of a part",
    "disputes": "Disputes",
}


def render() -> str:
    """Return the table and, below it, what no provider may lack."""
    for file in sorted(Path(__file__).parent.glob("test_provider_*.py")):
        importlib.import_module(f"tests.providers.{file.stem}")
    names = sorted(discover())
    lines = [f"| | {' | '.join(f'`{name}`' for name in names)} | proved by |", "|---|" + "---|" * (len(names) + 1)]
    for capability, title in TITLES.items():
        cells = [_cell(getattr(capabilities_of(name), capability)) for name in names]
        lines.append(f"| {title} | {' | '.join(cells)} | {'; '.join(map(_words, CASES[capability]))} |")
    lines += ["", "Every provider:", "", *(f"- {_words(case)}" for case in CASES[EVERY])]
    return "\n".join(lines) + "\n"


def replaced(text: str) -> str:
    """Return the document with the table of today in it."""
    head, begin, rest = text.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{FILE.name} has lost the marks of its table")
    return f"{head}{BEGIN}\n{render()}\n{END}{tail}"


def _cell(value: object) -> str:
    match value:
        case bool():
            return "yes" if value else "no"
        case timedelta():
            return f"{value.days} days"
        case str() if value:
            return f"`{value.replace('|', chr(92) + '|')}`"
        case _:
            return "no"


def _words(case: str) -> str:
    return re.sub("_", " ", case.removeprefix("test_"))


def main() -> int:
    """Write the table, or with `--check` say whether it is the one of today."""
    before = FILE.read_text()
    after = replaced(before)
    if "--check" not in sys.argv[1:]:
        FILE.write_text(after)
    elif after != before:
        sys.stderr.write(f"{FILE} is stale: run `python -m tests.providers.table`\n")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
