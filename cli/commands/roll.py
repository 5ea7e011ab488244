"""`fusionxpay roll`: replace the processes of a stack that runs, without a request lost."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from cli.endings import failed
from cli.operator_api import READY_FILE, Ready, ready_document
from stack.operate.control import ask
from stack.process import StackError


def roll(
    services: Annotated[
        list[str] | None, typer.Argument(metavar="[SERVICE]…", help="What to replace. Default: all, Envoy included.")
    ] = None,
    ready_file: Ready = READY_FILE,
) -> None:
    """Replace the processes of the `fusionxpay up` that runs, one after the other, by the code as it is now.

    The databases are migrated first. Each replica drains and ends while the others serve, so that no request fails;
    that takes `up --replicas 2`. Envoy hands its sockets over to its successor.
    """
    console = Console(highlight=False)
    try:
        for line in ask(Path(ready_document(ready_file)["control"]), services or []):
            console.print(line)
    except StackError as error:
        raise failed(error, 1) from None
    console.print("Done.")
