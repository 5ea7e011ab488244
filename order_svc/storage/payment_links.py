"""Payment links in PostgreSQL, and how often each was used, which its orders tell."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import sqlalchemy as sa
from psycopg.types.json import Jsonb
from sqlalchemy.dialects import postgresql as pg

from mesh.money import Money
from mesh.storage.database import Session, parameters_for, statement
from mesh.storage.listing import Listing, Pages, id_at
from order_svc.domain import BEING_PAID, HOLDS_USE, SETTLED, UNPAID, Order, OrderStatus, PaymentLink, Turn, Uses
from order_svc.storage.orders import OrderRow, order_of
from order_svc.tables import link_turns, orders, payment_links


class LinkRow(NamedTuple):
    """A link as it is stored."""

    payment_link_id: UUID
    merchant_id: UUID
    account_id: UUID
    mode: str
    token: str
    amount_minor: int
    currency: str
    description: str
    merchant_order_id: str
    metadata: dict[str, str]
    return_url: str
    max_uses: int
    enabled: bool
    create_time: datetime
    update_time: datetime
    expire_time: datetime | None


class UsesRow(NamedTuple):
    """How often one link was used."""

    payment_link_id: UUID | None
    taken: int
    paid: int


_COLUMNS = [column.name for column in payment_links.columns]
_CHANGEABLE = ("description", "max_uses", "enabled", "update_time", "expire_time")
_link_id = payment_links.c.payment_link_id == sa.bindparam("payment_link_id", type_=sa.UUID)
_INSERT = statement(sa.insert(payment_links).values(parameters_for(payment_links, *_COLUMNS)))
_GET = statement(
    sa.select(payment_links).where(_link_id, payment_links.c.merchant_id == sa.bindparam("merchant_id", type_=sa.UUID)),
    LinkRow,
)
_of_token = sa.select(payment_links).where(payment_links.c.token == sa.bindparam("token", type_=sa.Text))
_FIND = statement(_of_token, LinkRow)
_LOCK = statement(_of_token.with_for_update(), LinkRow)
_LOCK_OWNED = statement(
    sa.select(payment_links)
    .where(_link_id, payment_links.c.merchant_id == sa.bindparam("merchant_id", type_=sa.UUID))
    .with_for_update(),
    LinkRow,
)
_LOCK_MAX = statement(sa.select(payment_links.c.max_uses).where(_link_id).with_for_update(), int)
_UPDATE = statement(
    sa.update(payment_links)
    .where(payment_links.c.payment_link_id == sa.bindparam("b_payment_link_id", type_=sa.UUID))
    .values(parameters_for(payment_links, *_CHANGEABLE, prefix="b_"))
)


def _is_one_of(statuses: frozenset[OrderStatus]) -> sa.ColumnElement[bool]:
    # in words, and not as parameters: that is how the index has them
    return orders.c.status.in_([sa.literal_column(f"'{one}'") for one in sorted(statuses)])


class TurnRow(NamedTuple):
    """Who chose last where an order is paid."""

    browser: str
    provider: str
    turn_time: datetime


_since = orders.c.order_id >= sa.bindparam("since", type_=sa.UUID)
_USES = statement(
    sa.select(
        orders.c.payment_link_id,
        sa.func.count().filter(sa.or_(_is_one_of(SETTLED), _since)).label("taken"),
        sa.func.count().filter(_is_one_of(SETTLED)).label("paid"),
    )
    .where(
        orders.c.payment_link_id == sa.any_(sa.bindparam("links", type_=sa.ARRAY(sa.UUID))),
        orders.c.payment_link_id.is_not(None),
        # what has ended unpaid holds none, and there is no bound to how much of it there is
        _is_one_of(HOLDS_USE),
    )
    .group_by(orders.c.payment_link_id),
    UsesRow,
)
_OF_SOURCE = statement(
    sa.select(sa.func.count())
    .select_from(link_turns.join(orders, link_turns.c.order_id == orders.c.order_id))
    .where(
        link_turns.c.payment_link_id == sa.bindparam("payment_link_id", type_=sa.UUID),
        link_turns.c.source == sa.bindparam("source", type_=sa.Text),
        link_turns.c.order_id >= sa.bindparam("since", type_=sa.UUID),
        _is_one_of(UNPAID),
    ),
    int,
)
_TURN = statement(
    sa.select(link_turns.c.browser, link_turns.c.provider, link_turns.c.turn_time).where(
        link_turns.c.order_id == sa.bindparam("order_id", type_=sa.UUID)
    ),
    TurnRow,
)
_turn = pg.insert(link_turns).values(parameters_for(link_turns, *(column.name for column in link_turns.columns)))
_TAKE_TURN = statement(
    _turn.on_conflict_do_update(
        index_elements=[link_turns.c.order_id],
        set_={name: _turn.excluded[name] for name in ("browser", "provider", "turn_time")},
    )
)
_of_link = orders.c.payment_link_id == sa.bindparam("payment_link_id", type_=sa.UUID)
_LAST = statement(
    sa.select(orders)
    .where(_of_link, orders.c.link_checkout == sa.bindparam("checkout", type_=sa.Text))
    .order_by(orders.c.order_id.desc())
    .limit(1),
    OrderRow,
)
_ORDER = statement(
    sa.select(orders).where(_of_link, orders.c.order_id == sa.bindparam("order_id", type_=sa.UUID)), OrderRow
)
PAGES = Pages(payment_links, "payment_link_id", LinkRow, list(payment_links.c))


def _link(row: LinkRow) -> PaymentLink:
    values = row._asdict()
    return PaymentLink(amount=Money(values.pop("amount_minor"), values.pop("currency")), **values)


def _values(link: PaymentLink) -> dict[str, object]:
    values: dict[str, object] = {name: getattr(link, name) for name in _COLUMNS if hasattr(link, name)}
    money = {"amount_minor": link.amount.minor, "currency": link.amount.currency}
    return values | money | {"metadata": Jsonb(dict(link.metadata))}


def taken_by_others(uses: Uses, order: Order, since: datetime) -> int:
    """Return how many uses others than an order have, of those that were taken since a moment or paid."""
    is_counted = order.status in SETTLED or (order.status in BEING_PAID and order.order_id >= id_at(since))
    return uses.taken - is_counted


class LinkRepository:
    """Links in PostgreSQL. Methods run in the session, and so in the transaction, that they are given."""

    async def create(self, session: Session, link: PaymentLink) -> None:
        """Insert a link."""
        await session.run(_INSERT, **_values(link))

    async def get(self, session: Session, merchant_id: UUID, payment_link_id: UUID) -> PaymentLink | None:
        """Return a merchant's link."""
        row = await session.one(_GET, merchant_id=merchant_id, payment_link_id=payment_link_id)
        return _link(row) if row else None

    async def find(self, session: Session, token: str) -> PaymentLink | None:
        """Return the link of an address."""
        row = await session.one(_FIND, token=token)
        return _link(row) if row else None

    async def lock(self, session: Session, token: str) -> PaymentLink | None:
        """Return the link of an address, and hold it until the transaction ends: nobody else takes a use of it."""
        row = await session.one(_LOCK, token=token)
        return _link(row) if row else None

    async def lock_owned(self, session: Session, merchant_id: UUID, payment_link_id: UUID) -> PaymentLink | None:
        """Return a merchant's link, and hold it likewise."""
        row = await session.one(_LOCK_OWNED, merchant_id=merchant_id, payment_link_id=payment_link_id)
        return _link(row) if row else None

    async def has_room(self, session: Session, payment_link_id: UUID, order: Order, since: datetime) -> bool:
        """Return whether others than an order of a link leave it a use, and hold the link likewise."""
        most = await session.one(_LOCK_MAX, payment_link_id=payment_link_id)
        uses = await self.uses(session, [payment_link_id], since)
        return most is not None and taken_by_others(uses.get(payment_link_id, Uses()), order, since) < most

    async def update(self, session: Session, link: PaymentLink) -> None:
        """Store what may change of a link."""
        values = _values(link)
        changed = {f"b_{name}": values[name] for name in _CHANGEABLE}
        await session.run(_UPDATE, b_payment_link_id=link.payment_link_id, **changed)

    async def uses(self, session: Session, links: Sequence[UUID], since: datetime) -> dict[UUID, Uses]:
        """Return how often links were used, with what was made since a moment and is being paid; no row: never."""
        rows = await session.all(_USES, links=list(links), since=id_at(since))
        return {row.payment_link_id: Uses(row.taken, row.paid) for row in rows if row.payment_link_id}

    async def begun_by(self, session: Session, payment_link_id: UUID, source: str, since: datetime) -> int:
        """Return how many unpaid orders of a link one network has begun since a moment."""
        found = await session.one(_OF_SOURCE, payment_link_id=payment_link_id, source=source, since=id_at(since))
        return found or 0

    async def turn(self, session: Session, order_id: UUID) -> Turn | None:
        """Return who chose last where an order is paid; None where a version before this one took it."""
        row = await session.one(_TURN, order_id=order_id)
        return Turn(*row) if row else None

    async def take_turn(self, session: Session, order: Order, source: str, turn: Turn) -> None:
        """Note who chose where an order is paid; `source` is kept of who began it."""
        await session.run(
            _TAKE_TURN,
            order_id=order.order_id,
            payment_link_id=order.payment_link_id,
            source=source,
            browser=turn.browser,
            provider=turn.provider,
            turn_time=turn.time,
        )

    async def last_order(self, session: Session, link: PaymentLink, browser: str) -> Order | None:
        """Return the order that a browser's checkout made last."""
        checkout = link.checkout(browser)
        row = await session.one(_LAST, payment_link_id=link.payment_link_id, checkout=checkout)
        return order_of(row) if row else None

    async def order(self, session: Session, link: PaymentLink, order_id: UUID) -> Order | None:
        """Return an order of a link."""
        row = await session.one(_ORDER, payment_link_id=link.payment_link_id, order_id=order_id)
        return order_of(row) if row else None

    async def page(self, session: Session, listing: Listing, *, after: UUID | None, limit: int) -> list[PaymentLink]:
        """Return the links of a listing, from the one after `after`."""
        return [_link(row) for row in await PAGES.read(session, listing, after, limit)]
