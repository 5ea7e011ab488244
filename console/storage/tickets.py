"""Every SQL statement about links that let somebody in once, and about the mails with them."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

import sqlalchemy as sa

from console.domain import Ticket
from console.tables import links, mails, users
from mesh.storage.database import Session, parameters_for, statement
from mesh.storage.schema import TIME

_NOW = sa.bindparam("now", type_=TIME)
_HOLDS = links.c.expire_time > _NOW
_LINK = links.c.token_sha256 == sa.bindparam("token", type_=sa.LargeBinary)
# None: the operators'
_LINKS_OF = links.c.merchant_id.is_not_distinct_from(sa.bindparam("merchant_id", type_=sa.UUID))
_ISSUE = sa.dialects.postgresql.insert(links).values(parameters_for(links))
_ISSUE_LINK = statement(
    _ISSUE.on_conflict_do_update(
        index_elements=[links.c.merchant_id, links.c.email],
        set_={column.name: _ISSUE.excluded[column.name] for column in links.columns},
    )
)
_FORGET_ENDED = statement(sa.delete(links).where(_LINKS_OF, links.c.expire_time <= _NOW))
_OTHERS = statement(
    sa.select(sa.func.count().label("others")).where(_LINKS_OF, links.c.email != sa.bindparam("email", type_=sa.Text)),
    int,
)
_FIND_LINK = statement(sa.select(links).where(_LINK, _HOLDS), Ticket)
_TAKE_LINK = statement(sa.delete(links).where(_LINK, _HOLDS).returning(links), Ticket)
_OPEN_LINKS = statement(
    sa.select(links).where(_LINKS_OF, _HOLDS).order_by(links.c.create_time.desc()).limit(200), Ticket
)
_BY_OPERATORS = links.c.made_by.in_(sa.select(users.c.user_id).where(users.c.merchant_id.is_(None)))
_OPEN_LINKS_BY_OPERATORS = statement(
    sa.select(links).where(_BY_OPERATORS, _HOLDS).order_by(links.c.create_time.desc()).limit(200), Ticket
)
_WITHDRAW_LINK = statement(sa.delete(links).where(_LINK))
_WITHDRAW = statement(sa.delete(links).where(links.c.email == sa.bindparam("email", type_=sa.Text), _LINKS_OF))
_WITHDRAW_ALL_BY = statement(sa.delete(links).where(links.c.made_by == sa.bindparam("id", type_=sa.UUID)))
_COUNT = sa.dialects.postgresql.insert(mails).values(parameters_for(mails))
_is_new_day = mails.c.day < _COUNT.excluded.day
_COUNT_MAIL = statement(
    _COUNT.on_conflict_do_update(
        index_elements=[mails.c.user_id],
        set_={
            # a clock that is behind at midnight counts for the day that has begun
            "day": sa.func.greatest(mails.c.day, _COUNT.excluded.day),
            "sent": sa.case((_is_new_day, 1), else_=mails.c.sent + 1),
        },
        where=sa.or_(_is_new_day, mails.c.sent < sa.bindparam("most", type_=sa.Integer)),
    )
)


class Tickets:
    """Links that let somebody in once, in PostgreSQL."""

    async def others(self, session: Session, ticket: Ticket) -> int:
        """Return how many links for other people of the merchant hold; those that are over are forgotten."""
        await session.run(_FORGET_ENDED, merchant_id=ticket.merchant_id, now=ticket.create_time)
        return await session.one(_OTHERS, merchant_id=ticket.merchant_id, email=ticket.email) or 0

    async def issue(self, session: Session, ticket: Ticket) -> None:
        """Add a link, in place of the one before that the same merchant made for the person."""
        await session.run(_ISSUE_LINK, **{column.name: getattr(ticket, column.name) for column in links.columns})

    async def find(self, session: Session, token: bytes, now: datetime) -> Ticket | None:
        """Return a link that still holds."""
        return await session.one(_FIND_LINK, token=token, now=now)

    async def take(self, session: Session, token: bytes, now: datetime) -> Ticket | None:
        """Use a link up."""
        return await session.one(_TAKE_LINK, token=token, now=now)

    async def of_merchant(self, session: Session, merchant_id: UUID | None, now: datetime) -> list[Ticket]:
        """Return the links of a merchant's people that hold."""
        return await session.all(_OPEN_LINKS, merchant_id=merchant_id, now=now)

    async def by_operators(self, session: Session, now: datetime) -> list[Ticket]:
        """Return the links that operators made, for each other or for a merchant's owner, and that hold."""
        return await session.all(_OPEN_LINKS_BY_OPERATORS, now=now)

    async def withdraw(self, session: Session, email: str, merchant_id: UUID | None) -> bool:
        """Let a link hold no longer; return False when there was none."""
        return await session.run(_WITHDRAW, email=email, merchant_id=merchant_id) == 1

    async def withdraw_link(self, session: Session, token: bytes) -> None:
        """Let this link hold no longer, and none that has taken its place meanwhile."""
        await session.run(_WITHDRAW_LINK, token=token)

    async def withdraw_all_by(self, session: Session, user_id: UUID) -> None:
        """Let no link hold any longer that somebody has made."""
        await session.run(_WITHDRAW_ALL_BY, id=user_id)

    async def count_mail(self, session: Session, user_id: UUID, day: date, most: int) -> bool:
        """Count a mail of somebody's, whichever replica sends it; return False when the day has had as many."""
        return await session.run(_COUNT_MAIL, user_id=user_id, day=day, sent=1, most=most) == 1
