"""`fusionxpay doctor`: looks at every part of an installation, and says what to do about what it finds."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cli.doctor import examine
from cli.findings import show
from cli.operator_api import READY_FILE, AsJson, Ready, ready_document


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
    raise show(examine(ready_document(ready_file, "--ready-file"), backups), as_json=as_json)
