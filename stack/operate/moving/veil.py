"""Has a cell's services neither see nor write a merchant's rows, by policies of row security.

The services' roles own no tables, so policies hold for them, and not for who moves. A loop that looks for what is due
passes over such rows as if there were none. Putting the veil on waits for transactions that have begun, and so what
was written before is there to be copied, and nothing is written after.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any
from uuid import UUID

import psycopg

from stack.operate.moving.book import MovedTable

ALL = "fusionxpay_all"
LOCK_TIMEOUT = "200ms"
"""How long others wait behind the one who puts the veil on: then it lets them through, and tries again."""


class Veil:
    """One merchant's, over the tables of a database."""

    def __init__(
        self, connection: psycopg.Connection[Any], tables: Sequence[MovedTable], tenants: Sequence[UUID]
    ) -> None:
        self._connection, self._tables, self._tenants = connection, tables, tenants
        self._name = f"moving_{tenants[0].hex}"

    def put_on(self, *, readable: bool = False) -> None:
        """Hide the merchant's rows; `readable` ones are not hidden, but stay as they are.

        Raises psycopg.errors.LockNotAvailable when a transaction takes too long to end.
        """
        self._at_once(one for table in self._tables for one in self._hiding(table, readable=readable))

    def take_off(self) -> None:
        """Show them again; where there is no veil, nothing is done. Raises what `put_on` raises."""
        found = self._connection.execute("SELECT tablename, policyname FROM pg_policies").fetchall()
        mine = {table for table, policy in found if policy == self._name}
        others = {table for table, policy in found if policy not in (self._name, ALL)}
        tables = [table for table in self._tables if table.name in mine]
        self._at_once(one for table in tables for one in self._showing(table, last=table.name not in others))

    def _showing(self, table: MovedTable, *, last: bool) -> Iterator[str]:
        yield f"DROP POLICY {self._name} ON {table.name}"
        yield f"DROP FUNCTION IF EXISTS {self._function(table)}"
        if last:
            yield f"DROP POLICY {ALL} ON {table.name}"
            yield f"ALTER TABLE {table.name} DISABLE ROW LEVEL SECURITY"

    def _hiding(self, table: MovedTable, *, readable: bool) -> Iterator[str]:
        others = f"({table.belongs(self._tenants)}) IS NOT TRUE"
        if table.parent:
            # what a row belongs to is hidden from who asks, but not from this function
            column, above, its = table.parent
            (kind,) = (one.type for one in table.columns if one.name == column)
            of = f"o.{its} = $1 AND {above.belongs(self._tenants, 'o')}"
            yield (
                f"CREATE OR REPLACE FUNCTION {self._function(table, kind)} RETURNS boolean LANGUAGE sql STABLE "
                "SECURITY DEFINER SET search_path = public, pg_temp "
                f"AS $$ SELECT EXISTS (SELECT FROM {above.name} o WHERE {of}) $$"
            )
            others = f"NOT {self._function(table, column)}"
        yield f"DROP POLICY IF EXISTS {self._name} ON {table.name}"
        yield f"DROP POLICY IF EXISTS {ALL} ON {table.name}"
        yield f"CREATE POLICY {ALL} ON {table.name} USING (true) WITH CHECK (true)"
        seen = "true" if readable else others
        yield f"CREATE POLICY {self._name} ON {table.name} AS RESTRICTIVE USING ({seen}) WITH CHECK ({others})"
        yield f"ALTER TABLE {table.name} ENABLE ROW LEVEL SECURITY"

    def _function(self, table: MovedTable, argument: str | None = None) -> str:
        call = "" if argument is None else f"({argument})"
        return f"{self._name}_{table.name}"[:63] + call

    def _at_once(self, statements: Iterable[str]) -> None:
        """Run all in one transaction, by one message: others wait meanwhile."""
        if listed := list(statements):
            text = "; ".join([f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'", *listed])
            with self._connection.transaction():
                self._connection.execute(text.encode())
