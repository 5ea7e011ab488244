"""`fusionxpay doctor`: looks at every part of an installation, and says what to do about what it finds."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from cli.doctor import examine
from cli.operator_api import READY_FILE, AsJson, Ready, ready_document

EX_SERIOUS = 1


def doctor(
    backups: Annotated[
        Path | None, typer.Option(envvar="FUSIONXPAY_BACKUPS", help="Folder that backups are written to.")
    ] = None,
    as_json: AsJson = False,
    ready_file: Ready = READY_FILE,
) -> None:
    """Look at settings, services, databases, NATS, certificates, disk, backups and audit; say what to do.

    What there is says --ready-file: elsewhere than with `fusionxpay up`, a file of the same form, with those parts that
    can be reached. What it does not name is not looked at. Exit status: 0, or 1 when something has to be done now.
    """
    findings = examine(ready_document(ready_file, "--ready-file"), backups)
    if as_json:
        typer.echo(json.dumps([asdict(finding) for finding in findings], indent=2))
    else:
        console = Console(highlight=False)
        for finding in findings:
            mark, style = (
                ("ok", "green") if not finding.todo else ("NOW", "red") if finding.serious else ("look", "yellow")
            )
            console.print(f"{mark:4} {finding.check}: {finding.words}", style=style, markup=False)
            if finding.todo:
                console.print(f"     {finding.todo}", markup=False)
    raise typer.Exit(EX_SERIOUS if any(finding.serious for finding in findings) else 0)
