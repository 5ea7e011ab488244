"""`fusionxpay open`: the pages of a stack that runs, in the browser."""

from __future__ import annotations

import webbrowser
from enum import StrEnum
from typing import Annotated

import typer

from cli.operator_api import READY_FILE, Ready, ready_document


class Page(StrEnum):
    """What there is to look at."""

    CONSOLE = "console"
    PAYMENTS = "payments"
    WEBHOOKS = "webhooks"
    KEYS = "keys"
    DOCS = "docs"


def address_of(page: Page, console: str) -> str:
    """Return where a page is: the documentation beside the console, the others in it."""
    if page is Page.DOCS:
        return f"{console.removesuffix('/console')}/docs"
    return console if page is Page.CONSOLE else f"{console}/{page}"


def open_page(
    page: Annotated[Page, typer.Argument(help="What to look at.")] = Page.CONSOLE,
    browse: Annotated[bool, typer.Option("--browser/--print", help="Only print the address.")] = True,
    ready_file: Ready = READY_FILE,
) -> None:
    """Open a page of the `fusionxpay up` that runs, and print its address and a login; `docs` needs none."""
    known = ready_document(ready_file, "--ready-file")["console"]
    if not known:
        raise typer.BadParameter("this stack has no console")
    typer.echo(url := address_of(page, known["url"]))
    if page is not Page.DOCS:
        typer.echo(f"as {known['owner']} or {known['operator']}, password {known['password']}", err=True)
    if browse and not webbrowser.open(url):
        typer.echo("There is no browser here.", err=True)
