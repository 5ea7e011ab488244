"""Every SQL statement about comparisons of books."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

import sqlalchemy as sa
from psycopg.types.json import Jsonb
from sqlalchemy.dialects import postgresql as pg

from mesh.storage.database import Session, parameters_for, statement
from mesh.storage.rows import columns_of
from mesh.storage.schema import NOW, TIME
from payment_svc.domain.comparison import FOUND_MOST, Books, Compared, Found, Span, superseded
from payment_svc.domain.payment import Payment
from payment_svc.storage.payments import COLUMNS, PaymentRow, as_payment
from payment_svc.tables import book_comparison_turns as turns
from payment_svc.tables import book_comparisons as table
from payment_svc.tables import payments

AT_A_TIME = 25
"""How many payments are read before others have their turn: each is a quarter of a millisecond."""


_provider = sa.bindparam("provider", type_=sa.Text)
_COLUMNS = columns_of(table, Compared)
_holds = table.c.supersede_time.is_(None)
_HOLDING = statement(
    sa.select(*_COLUMNS).where(table.c.provider == _provider, _holds).order_by(table.c.from_time), Compared
)
_NEWEST_DIFFERING = statement(
    sa.select(*_COLUMNS)
    .where(_holds, table.c.differences > 0)
    .order_by(table.c.provider, table.c.from_time.desc())
    .limit(sa.bindparam("limit", type_=sa.Integer)),
    Compared,
)
_ADD = statement(
    sa.insert(table).values(
        parameters_for(table, *(name for name in Compared._fields if name != "create_time"), prefix="b_")
        | {"create_time": NOW}
    )
)
_SUPERSEDE = statement(
    sa.update(table)
    .where(table.c.comparison_id == sa.any_(sa.bindparam("ids", type_=pg.ARRAY(sa.UUID))), _holds)
    .values(supersede_time=NOW)
)
_LOCK = statement(sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtext(sa.literal("books ") + _provider))))
_one = sa.func.jsonb_array_elements(table.c.found).column_valued("one", joins_implicitly=True)
_different = (
    sa.select(table.c.provider.label("provider"), sa.func.count(sa.distinct(_one)).label("number"))
    .where(_holds, table.c.differences > 0)
    .group_by(table.c.provider)
    .subquery("different")
)
_unkept = (
    sa.select(
        table.c.provider.label("provider"),
        sa.func.sum(sa.func.greatest(table.c.differences - sa.literal_column(str(FOUND_MOST)), 0)).label("number"),
    )
    .where(_holds, table.c.differences > 0)
    .group_by(table.c.provider)
    .subquery("unkept")
)
_last = (
    sa.select(
        table.c.provider.label("provider"),
        sa.func.max(table.c.create_time).label("made"),
        sa.func.max(table.c.until_time).label("reached"),
    )
    .where(_holds)
    .group_by(table.c.provider)
    .subquery("last")
)
_BOOKS = statement(
    sa.select(
        turns.c.provider,
        sa.cast(sa.func.coalesce(_different.c.number, 0) + sa.func.coalesce(_unkept.c.number, 0), sa.Integer).label(
            "differences"
        ),
        _last.c.made.label("last_time"),
        (NOW - sa.func.coalesce(_last.c.reached, turns.c.first_time)).label("age"),
    )
    .select_from(turns)
    .outerjoin(_last, _last.c.provider == turns.c.provider)
    .outerjoin(_different, _different.c.provider == turns.c.provider)
    .outerjoin(_unkept, _unkept.c.provider == turns.c.provider)
    .order_by(turns.c.provider),
    Books,
)
# in no order: what comes first of a day would be found only when all of it was read
_CREATED = statement(
    sa.select(*COLUMNS)
    .where(
        payments.c.provider == _provider,
        payments.c.account_id.is_(None),
        payments.c.create_time >= sa.bindparam("since", type_=TIME),
        payments.c.create_time < sa.bindparam("until", type_=TIME),
    )
    .limit(sa.bindparam("limit", type_=sa.Integer)),
    PaymentRow,
)
_wait = sa.bindparam("wait", type_=sa.Interval)
_turn = pg.insert(turns).values(provider=_provider, first_time=NOW, until_time=NOW + _wait)
_KNOW = statement(_turn.on_conflict_do_nothing(index_elements=["provider"]))
_TAKE = statement(
    sa.update(turns).where(turns.c.provider == _provider, turns.c.until_time <= NOW).values(until_time=NOW + _wait)
)
_LEAVE = statement(sa.update(turns).where(turns.c.provider == _provider).values(until_time=NOW + _wait))


class ComparisonRepository:
    """Comparisons in PostgreSQL. Methods run in the session that they are given."""

    async def add(
        self, session: Session, comparison_id: UUID, provider: str, span: Span, sides: tuple[int, int],
        found: Sequence[Found],
    ) -> None:  # fmt: skip
        """Keep what was found, in a transaction, in the place of what newer comparisons cover by now.

        `sides` are the payments of the provider and ours.
        """
        await session.run(_LOCK, provider=provider)
        await session.run(
            _ADD,
            b_comparison_id=comparison_id,
            b_provider=provider,
            b_from_time=span[0],
            b_until_time=span[1],
            b_provider_payments=sides[0],
            b_our_payments=sides[1],
            b_differences=len(found),
            b_found=Jsonb([one._asdict() for one in found[:FOUND_MOST]]),
        )
        await self.know(session, provider)
        over = superseded(await self.holding(session, provider))
        await session.run(_SUPERSEDE, ids=[one.comparison_id for one in over])

    async def holding(self, session: Session, provider: str) -> list[Compared]:
        """Return the comparisons of a provider that no newer ones cover, by their spans."""
        return await session.all(_HOLDING, provider=provider)

    async def differing(self, session: Session, limit: int) -> list[Compared]:
        """Return the newest spans of each provider that differ."""
        return await session.all(_NEWEST_DIFFERING, limit=limit)

    async def created(
        self, session: Session, provider: str, since: datetime, until: datetime, limit: int
    ) -> list[Payment]:
        """Return payments through the platform's account that were created in a span of time, in no order."""
        found: list[Payment] = []
        for place, row in enumerate(
            await session.all(_CREATED, provider=provider, since=since, until=until, limit=limit)
        ):
            if place % AT_A_TIME == 0:
                await asyncio.sleep(0)
            found.append(as_payment(row))
        return found

    async def books(self, session: Session) -> list[Books]:
        """Return how the books of each provider stand that is to be compared."""
        return await session.all(_BOOKS)

    async def know(self, session: Session, provider: str) -> None:
        """Note that a provider's books are to be compared from now on."""
        await session.run(_KNOW, provider=provider, wait=timedelta(0))

    async def take_turn(self, session: Session, provider: str, lease: timedelta) -> bool:
        """Take the turn to compare a provider's books, for so long; False when another has it."""
        return await session.run(_TAKE, provider=provider, wait=lease) == 1

    async def leave_turn(self, session: Session, provider: str, wait: timedelta) -> None:
        """Let anybody take the turn after a while."""
        await session.run(_LEAVE, provider=provider, wait=wait)
