"""Tables for people: nothing of one is cut, wherever it goes."""

from __future__ import annotations

from rich.console import Console
from rich.measure import Measurement
from rich.table import Table

_AS_WIDE_AS_IT_IS = 10_000


def show_table(table: Table, console: Console | None = None) -> None:
    """Print a table: at a terminal long words go on below, in a pipe or a file it is as wide as it has to be."""
    console = console or Console()
    for column in table.columns:
        column.overflow = "fold"
    if not console.is_terminal:
        options = console.options.update(width=_AS_WIDE_AS_IT_IS)
        console.width = Measurement.get(console, options, table).maximum
    console.print(table)
