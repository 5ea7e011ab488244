"""Tables of the command line: nothing of one is cut."""

from __future__ import annotations

import io
import uuid

import pytest
from rich.console import Console
from rich.table import Table

from cli.tables import show_table

IDS = [str(uuid.UUID(int=number)) for number in range(4)]


@pytest.mark.parametrize("is_terminal", [True, False])
def test_no_id_is_cut(is_terminal: bool) -> None:
    table = Table("one", "two", "three", "four", title="Ids")
    table.add_row(*IDS)
    out = io.StringIO()
    width = 80 if is_terminal else None
    show_table(table, Console(file=out, force_terminal=is_terminal, width=width, color_system=None))
    assert "…" not in out.getvalue()
    rows = [line for line in out.getvalue().splitlines() if "0000" in line]
    if is_terminal:
        assert max(map(len, out.getvalue().splitlines())) == 80
        assert out.getvalue().count("0") == "".join(IDS).count("0")
    else:
        (row,) = rows
        assert all(one in row for one in IDS)
