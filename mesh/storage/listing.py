"""Lists by filters: which rows a merchant asks for, and the statement of a page of them, made once a combination.

A list is read in the order of its ids, which are UUIDv7 and so in that of their creation: a time bounds the ids too,
and every combination is a walk along an index that ends in the id. What is read to its end by a time in which money
moved is read in the order of that time: in that of the ids each page would read all of the span once more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, Generic, TypeVar
from uuid import UUID

import sqlalchemy as sa
from psycopg.types.json import Jsonb
from sqlalchemy.dialects import postgresql as pg

from mesh.storage.database import Session, Statement, statement
from mesh.storage.schema import TIME

RowT = TypeVar("RowT")
SLACK = timedelta(minutes=1)
"""How far an id's time and its row's may be apart: they are of two looks at the clock."""

IN_INDEX = frozenset({"amount_from", "amount_to", "currency"})
"""Conditions on what an index of a merchant's rows holds beside its id and time, where a table has such an index."""

AS_IT_IS = frozenset({"create_time", "update_time"})
"""Times that every row has. Others are when its money moved, which few rows of all may have had in a span."""

Span = tuple[datetime | None, datetime | None]
"""From when on, and before when."""

LAST_MILLISECOND = 2**48 - 1
"""Of those that a UUIDv7 has room for."""


@dataclass(frozen=True, slots=True)
class Listing:
    """Which rows, and in which order. Spans of time are half-open; amounts are minor units and include both ends."""

    equal: Mapping[str, object]
    """Columns and what they hold, the merchant's id among them; empty values are no filters."""
    statuses: Sequence[str] = ()
    times: Mapping[str, Span] = field(default_factory=dict)
    """Spans of times, by their columns."""
    amount: tuple[int | None, int | None] = (None, None)
    metadata: Mapping[str, str] = field(default_factory=dict)
    oldest_first: bool = False
    by_time: str = ""
    """The time in whose order the rows are read, oldest first, which `times` bounds; empty: in that of their ids."""

    def beyond(self, row: object) -> Listing:
        """Return what is still to be read after a row, beside its id.

        Raises RuntimeError for a row that does not say when it was: what comes after it would be left out.
        """
        if not self.by_time:
            return self
        start, end = self.times[self.by_time]
        reached = getattr(row, self.by_time)
        if reached is None or (start and reached < start):
            raise RuntimeError(f"{self.by_time} of a row is not what it was found by")
        return replace(self, times={**self.times, self.by_time: (reached, end)})

    def parameters(self) -> dict[str, object]:
        """Return what is given, by the name of its condition."""
        given: dict[str, object | None] = {
            **{f"{name}_from": start for name, (start, _) in self.times.items()},
            **{f"{name}_to": end for name, (_, end) in self.times.items()},
            "amount_from": self.amount[0],
            "amount_to": self.amount[1],
            "metadata": Jsonb(dict(self.metadata)) if self.metadata else None,
        }
        found = {name: value for name, value in given.items() if value is not None}
        return found | {name: value for name, value in self.equal.items() if value not in (None, "")}


def id_at(moment: datetime, later: timedelta = timedelta()) -> UUID:
    """Return the lowest UUIDv7 of a moment, or of one so much later. Any moment will do, the last of all years too."""
    # the sum is no datetime: those end within a minute of what people write for "no end"
    milliseconds = int(moment.timestamp() * 1000) + later // timedelta(milliseconds=1)
    return UUID(int=min(max(0, milliseconds), LAST_MILLISECOND) << 80)


def money_time(times: Mapping[str, Span]) -> str:
    """Return a time in which money moved that spans choose by; empty: none."""
    return next((name for name, span in sorted(times.items()) if name not in AS_IT_IS and any(span)), "")


def _is_of_money(name: str) -> bool:
    column, _, end = name.rpartition("_")
    return end in ("from", "to") and column.endswith("_time") and column not in AS_IT_IS


class Pages(Generic[RowT]):
    """Reads pages of one table, by any of a listing's filters."""

    def __init__(
        self,
        table: sa.Table,
        id_name: str,
        row: type[RowT],
        columns: Sequence[sa.ColumnElement[Any]],
        shown_status: sa.ColumnElement[str] | None = None,
    ) -> None:
        """`shown_status` is what merchants see as the status where the column says less."""
        self._table = table
        self._id = table.c[id_name]
        self._row = row
        self._columns = columns
        self._shown = shown_status
        self.statement = lru_cache(maxsize=500)(self._statement)

    async def read(
        self,
        session: Session,
        listing: Listing,
        after: UUID | None,
        limit: int,
        stored: Mapping[str, str] | None = None,
    ) -> list[RowT]:
        """Return the rows of a listing that come after an id. `stored` says how a status is kept, where it differs."""
        given = listing.parameters()
        if listing.statuses:
            kept = sorted({(stored or {}).get(one, one) for one in listing.statuses})
            given |= {"status": kept[0]} if len(kept) == 1 else {"statuses": kept}
            if self._shown is not None:
                given["shown"] = list(listing.statuses)
        if after:
            given["after"] = after
        query = self.statement(frozenset(given), listing.oldest_first, listing.by_time)
        since, until = listing.times.get("create_time", (None, None))
        bounds = {"id_from": since and id_at(since, -SLACK), "id_to": until and id_at(until, SLACK)}
        given |= {name: value for name, value in bounds.items() if value}
        return await session.all(query, limit=limit, **given)

    def _statement(self, names: frozenset[str], oldest_first: bool = False, by_time: str = "") -> Statement[RowT]:
        """Build the statement of a combination of filters.

        Of conditions on what an index holds the ids are found first: a row is read only when it is on the page. Of a
        span in which money moved they are all read from the index of that time: whoever walks along the ids instead,
        which the planner thinks is shorter, meets first what moved before.
        """
        most = sa.bindparam("limit", type_=sa.Integer)
        if by_time:
            return self._by_time(names, by_time, most)
        conditions = [one for name in sorted(names) for one in self._conditions(name, oldest_first)]
        order = self._id.asc() if oldest_first else self._id.desc()
        if any(_is_of_money(name) for name in names):
            within = (
                sa.select(self._id.label("id")).where(*conditions).offset(sa.literal_column("0")).subquery("within")
            )
            first = within.c.id.asc() if oldest_first else within.c.id.desc()
            found = sa.select(within.c.id).order_by(first).limit(most).subquery("found")
            return statement(sa.select(*self._columns).join(found, found.c.id == self._id).order_by(order), self._row)
        if not names & IN_INDEX:
            return statement(sa.select(*self._columns).where(*conditions).order_by(order).limit(most), self._row)
        found = sa.select(self._id.label("id")).where(*conditions).order_by(order).limit(most).subquery("found")
        query = sa.select(*self._columns).join(found, found.c.id == self._id)
        return statement(query.order_by(order), self._row)

    def _by_time(self, names: frozenset[str], by_time: str, most: sa.BindParameter[int]) -> Statement[RowT]:
        """Build a page in the order of a time: after another, what is later, and of its moment what has a higher id."""
        time = self._table.c[by_time]
        conditions = [one for name in sorted(names - {"after"}) for one in self._conditions(name, True)]
        if "after" in names:
            last = sa.bindparam(f"{by_time}_from", type_=TIME), sa.bindparam("after", type_=sa.UUID)
            conditions.append(sa.tuple_(time, self._id) > sa.tuple_(*last))
        query = sa.select(*self._columns).where(*conditions).order_by(time, self._id).limit(most)
        return statement(query, self._row)

    def _conditions(self, name: str, oldest_first: bool) -> Sequence[sa.ColumnElement[bool]]:
        column, _, end = name.rpartition("_")
        if name == "after":
            after = sa.bindparam("after", type_=sa.UUID)
            return [self._id > after if oldest_first else self._id < after]
        if name in ("statuses", "shown"):
            status = self._table.c.status if name == "statuses" or self._shown is None else self._shown
            return [status == sa.any_(sa.bindparam(name, type_=pg.ARRAY(sa.Text)))]
        if name == "metadata":
            # the index holds none that are empty
            held = self._table.c.metadata
            return [held.contains(sa.bindparam(name, type_=pg.JSONB)), held != sa.text("'{}'::jsonb")]
        if end in ("from", "to"):
            return self._within(column, end)
        equal = self._table.c[name] == sa.bindparam(name, type_=self._table.c[name].type)
        # the index of a reference holds none that are empty
        return [equal, self._table.c[name] != ""] if name == "merchant_order_id" else [equal]

    def _within(self, column: str, end: str) -> Sequence[sa.ColumnElement[bool]]:
        name = f"{column}_{end}"
        if column == "amount":
            bound = sa.bindparam(name, type_=sa.BigInteger)
            return [self._table.c.amount_minor >= bound if end == "from" else self._table.c.amount_minor <= bound]
        moment, time = sa.bindparam(name, type_=TIME), self._table.c[column]
        found = [time >= moment if end == "from" else time < moment]
        if column == "create_time":
            bound_id = sa.bindparam(f"id_{end}", type_=sa.UUID)
            found.append(self._id >= bound_id if end == "from" else self._id < bound_id)
        return found
