"""`fusionxpay prove`: payments while everything is killed and providers misbehave; then all books are compared."""

from __future__ import annotations

import secrets
from random import Random
from typing import Annotated

import typer
from rich.console import Console

from cli.commands.up import load_settings
from cli.endings import Interrupted, failed, interruptible
from cli.prove.load import SHOPS, Load
from cli.prove.report import show, tell
from cli.prove.run import SETTLE_SECONDS, kill_in_turn, settle
from stack.process import StackError
from stack.settings import StackSettings
from stack.stack import Stack

LOAD_SHARE = 0.85
"""Of the time; in the rest of it everything comes to an end."""


def prove(
    minutes: Annotated[float, typer.Option(min=0.1, help="How long payments are made, and all ends.")] = 10.0,
    seed: Annotated[int | None, typer.Option(help="What merchants, customers and kills do. Default: drawn.")] = None,
    shops: Annotated[int, typer.Option(min=1, max=64, help="Orders under way at once.")] = SHOPS,
    settle_seconds: Annotated[
        float, typer.Option("--settle", min=1, help="Seconds at the most to wait for what is open in the end.")
    ] = SETTLE_SECONDS,
) -> None:
    """Prove that no money is lost or taken twice, on a stack of its own. Exit status 1 when an invariant is broken."""
    console = Console()
    chosen = secrets.randbelow(1 << 32) if seed is None else seed
    try:
        with interruptible():
            whole = run(console, load_settings(), minutes=minutes, seed=chosen, shops=shops, settle_for=settle_seconds)
    except StackError as error:
        raise failed(error, 1) from None
    except Interrupted:
        raise typer.Exit(130) from None
    if not whole:
        raise typer.Exit(1)


def run(console: Console, settings: StackSettings, *, minutes: float, seed: int, shops: int, settle_for: float) -> bool:
    """Make payments, break things, compare; return whether every invariant held."""
    console.print(f"{minutes:g} minutes, seed {seed}")
    with Stack(settings) as stack, Load(stack.ready, seed, shops) as load, console.status("starting") as status:
        load.start()
        seconds = minutes * 60
        kill_in_turn(stack, load, seconds * LOAD_SHARE, Random(seed), status.update)  # noqa: S311
        load.stop(seconds)
        evidence, verdict = settle(load, settle_for, status.update)
    show(console, evidence, verdict, f"{minutes:g} minutes, seed {seed}")
    tell(console, evidence, verdict)
    for error in evidence.log.errors[:10]:
        console.print(f"odd answer: {error}", style="yellow", markup=False)
    return not verdict.findings
