"""`fusionxpay trace`: what happened to an order, hop by hop, as one tree."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer
from rich.console import Console
from rich.text import Text
from rich.tree import Tree

from cli.endings import failed
from cli.operator_api import READY_FILE, AsJson, Ready, ready_document
from cli.trace import Databases, Hop, NoSuchOrderError, hops_of

NAMES = ("orders", "payments", "notify", "audit")


def trace(
    order_id: Annotated[UUID, typer.Argument(help="The order.")],
    database: Annotated[
        list[str] | None,
        typer.Option(help=f"NAME=URL of a database, of {', '.join(NAMES)}; may be repeated, orders has to be there."),
    ] = None,
    logs: Annotated[
        Path | None, typer.Option(help="Folder of the services' JSON logs, *.log. Default: that of `fusionxpay up`.")
    ] = None,
    as_json: AsJson = False,
    ready_file: Ready = READY_FILE,
) -> None:
    """Show what happened to an order: a branch for each trace, with its hops in the order of time.

    Exit status: 0, 1 when there is no such order, 69 when a database does not answer: then what the others and the logs
    know is shown.
    """
    if database:
        urls = _urls(database)
    else:
        ready = ready_document(ready_file, "--database")
        urls, logs = ready["database_urls"], logs or Path(ready["log_dir"])
    databases = Databases(urls)
    try:
        hops = hops_of(order_id, databases, logs)
    except NoSuchOrderError:
        raise failed(f"there is no order {order_id}", 1) from None
    if as_json:
        typer.echo(json.dumps([asdict(hop) for hop in hops], indent=2, default=str))
    else:
        Console().print(tree_of(order_id, hops))
    if databases.away:
        listed = "; ".join(f"{name}: {said}" for name, said in databases.away.items())
        raise failed(f"this is not all, as databases do not answer: {listed}")


def tree_of(order_id: UUID, hops: Sequence[Hop]) -> Tree:
    """Return the tree of hops."""
    tree = Tree(Text(f"order {order_id}"))
    branches: dict[str, Tree] = {}
    for hop in hops:
        if hop.trace_id not in branches:
            branches[hop.trace_id] = tree.add(Text(f"{hop.time:%Y-%m-%d} trace {hop.trace_id or '(none)'}"))
        took = f" {hop.duration_ms:.1f} ms" if hop.duration_ms is not None else ""
        line = f"{hop.time:%H:%M:%S.%f}"[:-3] + f" {hop.component}: {hop.what}{took}"
        branches[hop.trace_id].add(Text(line, style="red" if hop.wrong else ""))
    return tree


def _urls(said: Sequence[str]) -> dict[str, str]:
    urls = {name: url for name, _, url in (one.partition("=") for one in said)}
    if not urls.keys() <= set(NAMES) or not all(urls.values()) or "orders" not in urls:
        raise typer.BadParameter("--database is NAME=URL, such as orders=postgresql://…; orders has to be there")
    return urls
