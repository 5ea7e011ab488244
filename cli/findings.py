"""What a look at something has shown, and how it is told to people and to programs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import typer
from rich.console import Console

EX_SERIOUS = 1


@dataclass(frozen=True, slots=True)
class Finding:
    """What a look has shown; `todo` is empty where all is well, `serious` is what has to be done now."""

    check: str
    words: str
    todo: str = ""
    serious: bool = False


def show(findings: Sequence[Finding], *, as_json: bool) -> typer.Exit:
    """Print findings, and return the end of the command: status 1 when something has to be done now, else 0."""
    if as_json:
        typer.echo(json.dumps([asdict(finding) for finding in findings], indent=2))
    else:
        console = Console(highlight=False)
        for finding in findings:
            mark, style = (
                ("ok", "green") if not finding.todo else ("NOW", "red") if finding.serious else ("look", "yellow")
            )
            console.print(f"{mark:4} {finding.check}: {finding.words}", style=style, markup=False, soft_wrap=True)
            if finding.todo:
                console.print(f"     {finding.todo}", markup=False, soft_wrap=True)
    return typer.Exit(EX_SERIOUS if any(finding.serious for finding in findings) else 0)
