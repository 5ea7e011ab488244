"""What a move that was killed leaves behind, and what must not be made of it: the merchant has one home."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from uuid import UUID, uuid4

import psycopg
import pytest

from edge.tables import metadata
from stack.operate.moving import standing
from stack.operate.moving.move import Cell, Move
from stack.operate.moving.standing import Connection, Standing
from stack.process import StackError
from stack.stack import Ready
from tests.support.databases.lent import lent_database

CELL = Cell({}, "", None)


@pytest.fixture
def cells(gateway: Ready) -> Iterator[list[Connection]]:
    """Identities of two cells."""
    with ExitStack() as undo:
        urls = [undo.enter_context(lent_database(gateway, "identity", metadata)) for _ in range(2)]
        yield [undo.enter_context(psycopg.connect(url, autocommit=True)) for url in urls]


@pytest.fixture
def merchant(cells: list[Connection]) -> UUID:
    """A merchant whose copy is in the other cell as well."""
    merchant = uuid4()
    for cell in cells:
        cell.execute(
            "INSERT INTO merchants (merchant_id, display_name, create_time) VALUES (%s, 'm', now())", [merchant]
        )
    return merchant


@pytest.mark.parametrize(
    ("here", "there", "is_there"),
    [
        pytest.param("", "ARRIVING", False, id="killed while it copied"),
        pytest.param("HELD", "ARRIVING", False, id="killed while it held"),
        pytest.param("HELD", "", True, id="killed as it had given it"),
        pytest.param("MOVED", "", True, id="killed while it tidied up"),
    ],
)
def test_what_was_killed_is_ended_or_undone(
    here: str, there: str, is_there: bool, cells: list[Connection], merchant: UUID
) -> None:
    move = Standing(merchant, *cells)
    move.here(here)
    move.there(there)
    move.check()
    assert move.is_there() == is_there


@pytest.mark.parametrize("held", ["", "HELD"])
def test_copy_that_is_not_complete_is_not_moved_over_what_it_is_of(
    held: str, cells: list[Connection], merchant: UUID
) -> None:
    move = Standing(merchant, *cells)
    move.here(held)
    move.there("ARRIVING")
    with pytest.raises(StackError, match="a copy that is not complete"):
        Standing(merchant, *reversed(cells)).check()


@pytest.mark.parametrize("left", ["HELD", "MOVED"])
def test_what_has_left_for_one_cell_is_not_moved_to_a_third(left: str, cells: list[Connection], merchant: UUID) -> None:
    cells[1].execute("DELETE FROM merchants")
    move = Standing(merchant, *cells)
    move.here(left)
    with pytest.raises(StackError, match="left for a third cell"):
        move.check()


def test_one_at_a_time_moves_a_merchant(
    cells: list[Connection], merchant: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(standing, "PATIENCE", "50ms")
    Standing(merchant, *cells).claim(cells)
    Standing(uuid4(), *cells).claim(cells)
    with psycopg.connect(cells[1].info.dsn, password=cells[1].info.password, autocommit=True) as other:
        with pytest.raises(StackError, match="moved by somebody else"):
            Standing(merchant, *cells).claim([other])
        cells[1].close()
        monkeypatch.setattr(standing, "PATIENCE", "10s")
        Standing(merchant, *cells).claim([other])


class Interrupted(Move):
    """A move that is interrupted just as the other cell had the merchant, or just before."""

    def __init__(self, merchant: UUID, cells: list[Connection], *, given: bool) -> None:
        super().__init__(merchant, CELL, CELL, print)
        self._source, self._target = {}, {}
        self._standing = Standing(merchant, *cells)
        self._given, self.given_up = given, 0

    def _check(self) -> None: ...

    def _make(self) -> None: ...

    def _copy(self) -> int:
        self._standing.there("ARRIVING")
        self.given_up = 0
        return 0

    def _try(self, tries: int, seconds: float) -> float:
        self._standing.here("HELD")
        if self._given:
            self._standing.there("")
        raise KeyboardInterrupt

    def _give_up(self) -> None:
        self.given_up += 1


@pytest.mark.parametrize("given", [False, True])
def test_what_the_other_cell_has_is_never_taken_back(given: bool, cells: list[Connection], merchant: UUID) -> None:
    """It may have been paid there by then."""
    move = Interrupted(merchant, cells, given=given)
    with pytest.raises(KeyboardInterrupt):
        move.run()
    assert move.given_up == (not given)
