"""`fusionxpay cell`: several cells behind one address, and the move of a merchant from one to another."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated
from uuid import UUID

import psycopg
import typer
from rich.console import Console

from cli.operator_api import AsJson, ready_document
from stack.operate.moving.move import FROZEN_SECONDS, Cell, Move
from stack.process import StackError

app = typer.Typer(help="Merchants in several cells.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Have the group be one, as long as it has one command."""


@app.command()
def move(
    merchant: Annotated[UUID, typer.Argument(help="The merchant's id.")],
    source: Annotated[Path, typer.Option("--from", help="The ready file of the cell that the merchant is in.")],
    target: Annotated[Path, typer.Option("--to", help="The ready file of the cell that it moves to.")],
    frozen: Annotated[float, typer.Option(help="How many seconds its requests may be held.")] = FROZEN_SECONDS,
    tries: Annotated[int, typer.Option(help="How often it is tried to hold it for no longer.")] = 5,
    as_json: AsJson = False,
) -> None:
    """Move a merchant to another cell while both go on; its requests wait for a moment before the cells.

    Both cells run with FUSIONXPAY_STACK_MOVABLE=true (`wal_level = logical`), on one version; the other one's services
    know the keys (`*_SECRET_KEYS`) that this one's have sealed with. Where it fails, the merchant is where it was. A
    move that was killed is ended, or undone, by the same command.
    """
    cells = [Cell.of(ready_document(file, "--from and --to")) for file in (source, target)]
    told = Console(stderr=True, highlight=False)
    try:
        with Move(merchant, cells[0], cells[1], told.print) as moving:
            moved = moving.run(tries, frozen)
    except (StackError, psycopg.Error) as error:
        told.print(f"fusionxpay: {error}", style="red", markup=False, soft_wrap=True)
        raise typer.Exit(1) from None
    if as_json:
        typer.echo(json.dumps(asdict(moved), indent=2))
        return
    typer.echo(f"{moved.rows} rows of {moved.tables} tables, held for {moved.frozen_seconds:.2f} s")
