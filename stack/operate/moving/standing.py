"""In which of two cells a merchant is at home, as both cells' identities say; and that one at a time moves it.

`merchant_moves` says in the cell that it leaves HELD, then MOVED; in the other ARRIVING, then nothing. The moment at
which ARRIVING goes is the one from which it is in the other cell: nothing that was copied is taken back after it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

import psycopg

from stack.process import StackError

Connection = psycopg.Connection[Any]
PATIENCE = "10s"
"""How long the server may take to notice that a mover before was killed."""


class Standing:
    """One merchant's, in the cell that it leaves and in the other."""

    def __init__(self, merchant_id: UUID, source: Connection, target: Connection) -> None:
        """`source` and `target` are the cells' databases of identities."""
        self._merchant_id, self._source, self._target = merchant_id, source, target

    def claim(self, connections: Iterable[Connection]) -> None:
        """Keep others from moving this merchant for as long as any of these is open, or works after its mover died.

        Raises:
            StackError: somebody moves it.
        """
        for connection in connections:
            try:
                with connection.transaction():
                    connection.execute(f"SET LOCAL lock_timeout = '{PATIENCE}'".encode())
                    name = f"moving {self._merchant_id}"
                    connection.execute("SELECT pg_advisory_lock(hashtextextended(%s, 0))", [name])
            except psycopg.errors.LockNotAvailable:
                raise StackError(f"merchant {self._merchant_id} is being moved by somebody else") from None

    def is_there(self) -> bool:
        """Whether the other cell has it already, and only tidying up is left."""
        here, there = self._states()
        return here in ("HELD", "MOVED") and _is_in(self._target, self._merchant_id) and not there

    def check(self) -> None:
        """Find out whether there is anything to move, or a move between these two to end or undo.

        Raises:
            StackError: it is not at home here; or it is between here and a third cell.
        """
        if self.is_there():
            return
        here, there = self._states()
        if not _is_in(self._source, self._merchant_id):
            raise StackError(f"merchant {self._merchant_id} is not in this cell")
        if here == "ARRIVING":
            raise StackError(
                f"merchant {self._merchant_id} has come to this cell as a copy that is not complete: "
                "end that move, from the cell that it comes from"
            )
        if here == "MOVED" or (here == "HELD" and there != "ARRIVING"):
            raise StackError(f"merchant {self._merchant_id} has left for a third cell: end that move")
        if _is_in(self._target, self._merchant_id) and not there:
            raise StackError(f"merchant {self._merchant_id} is in the other cell as well")

    def here(self, state: str) -> None:
        """Have the cell that it leaves say this of it; empty: nothing."""
        self._say(self._source, state)

    def there(self, state: str) -> None:
        """Have the other cell say this of it; empty: nothing."""
        self._say(self._target, state)

    def _states(self) -> tuple[str, str]:
        here, there = (_state(each, self._merchant_id) for each in (self._source, self._target))
        return here, there

    def _say(self, identities: Connection, state: str) -> None:
        if not state:
            identities.execute("DELETE FROM merchant_moves WHERE merchant_id = %s", [self._merchant_id])
            return
        identities.execute(
            "INSERT INTO merchant_moves (merchant_id, state) VALUES (%s, %s) "
            "ON CONFLICT (merchant_id) DO UPDATE SET state = EXCLUDED.state, change_time = now()",
            [self._merchant_id, state],
        )


def _is_in(identities: Connection, merchant_id: UUID) -> bool:
    query = "SELECT FROM merchants WHERE merchant_id = %s"
    return identities.execute(query, [merchant_id]).fetchone() is not None


def _state(identities: Connection, merchant_id: UUID) -> str:
    row = identities.execute("SELECT state FROM merchant_moves WHERE merchant_id = %s", [merchant_id]).fetchone()
    return str(row[0]) if row else ""
