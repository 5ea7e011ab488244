"""The simulation of cells: its document has its numbers, and its answers are those of the seed."""

from __future__ import annotations

import pytest

from bench.scale.scenarios import Table, capacity, losses, moves, retries
from tests.support.paths import ROOT


@pytest.mark.parametrize("table", [capacity(), losses(1), moves(1)], ids=lambda table: str(table.title))
def test_document_has_the_numbers_of_the_simulation(table: Table) -> None:
    assert table.markdown() in (ROOT / "docs" / "scale.md").read_text()


def test_same_seed_gives_the_same_answer_and_clients_that_back_off_send_less() -> None:
    table = retries(3, away=2.0, seconds=16.0)
    assert table == retries(3, away=2.0, seconds=16.0)
    at_once, backing_off = (float(row[1]) for row in table.rows)
    assert backing_off < at_once / 2
    assert all(row[-1] == "0" for row in table.rows), "nobody gives up within a minute"
