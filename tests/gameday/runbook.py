"""Types what a runbook says into a shell, as it stands there."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, LiteralString
from uuid import UUID

import psycopg

from cli.commands.env import variables
from stack.stack import Ready
from tests.support.paths import ROOT

PAGES = ROOT / "docs" / "runbooks"
SECONDS = 60.0
WRONG = re.compile(r"Usage:|Traceback|not found|No such file|syntax error|unrecognized|invalid option|unbound|ERROR:")
"""What a shell and its programs say of a command that is written wrong."""
NEWEST: tuple[tuple[str, str, LiteralString], ...] = (
    ("orders", "ORDER", "SELECT order_id FROM orders ORDER BY create_time DESC LIMIT 1"),
    ("orders", "LETTER", "SELECT dead_letter_id FROM dead_letters ORDER BY create_time DESC LIMIT 1"),
    ("payments", "REVIEW", "SELECT review_id FROM reviews ORDER BY create_time DESC LIMIT 1"),
)
READY = ".data/ready.json"
"""Where commands look for the stack that runs."""


def commands(*alerts: str) -> list[str]:
    """Return the lines of the alerts' blocks for the shell, each once."""
    texts = [(PAGES / f"{alert}.md").read_text() for alert in alerts]
    blocks = re.findall(r"^```sh\n(.*?)^```", "\n".join(texts), re.MULTILINE | re.DOTALL)
    return list(dict.fromkeys(line for block in blocks for line in block.splitlines()))


def unusable(ready: Ready, folder: Path, lines: Sequence[str], component: str = "") -> list[str]:
    """Run lines of pages beside a stack, in a folder; return those that cannot be used as they stand, and why.

    That a command finds something wrong, or cannot reach what is away, is what it is for.
    """
    place = folder / READY
    place.parent.mkdir(exist_ok=True)
    place.write_text(ready.to_json())
    known = json.loads(ready.to_json())
    found = variables(known, component if component in known["pids"] else "order_svc")
    return list(_failing(lines, folder, os.environ | found | ids(known)))


def ids(known: Mapping[str, Any]) -> dict[str, str]:
    """Return what a person copies from the alert or from the command before: of what there is, or of nothing."""
    found = dict.fromkeys(("LETTER", "REVIEW", "ORDER"), str(UUID(int=0)))
    for database, name, statement in NEWEST:
        with (
            suppress(psycopg.Error),
            psycopg.connect(known["database_urls"][database], connect_timeout=2) as connection,
        ):
            for (one,) in connection.execute(statement):
                found[name] = str(one)
    return found | {"MERCHANT": known["merchant"]["id"]}


def _failing(lines: Sequence[str], folder: Path, environment: Mapping[str, str]) -> Iterator[str]:
    for line in lines:
        argv = ["bash", "-u", "-c", line]
        done = subprocess.run(
            argv, cwd=folder, env=environment, capture_output=True, text=True, timeout=SECONDS, check=False
        )
        if done.returncode in {126, 127} or WRONG.search(done.stderr):
            yield f"{line}: {done.returncode}, {done.stderr.strip()[-300:]}"
