"""Payment links: merchants make and change them, whoever opens one takes a use of it, which is an ordinary order."""

from __future__ import annotations

import secrets
import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

import grpc

from mesh import context
from mesh.errors import ApiError, failed_precondition, invalid, not_found
from mesh.events.unit_of_work import UnitOfWork, UnitsOfWork
from mesh.ids import Clock, NewId, new_id, utc_now
from mesh.money import Money
from mesh.storage import idempotency
from mesh.storage.database import Database, Session
from mesh.storage.idempotency import Claim, Record
from mesh.storage.listing import Listing
from order_svc.contract import events as facts
from order_svc.domain import (
    BEING_PAID,
    LinkStatus,
    Order,
    OrderStatus,
    PaymentLink,
    Turn,
    Uses,
    counted_since,
    goes_on,
    holds_use,
)
from order_svc.metrics import ORDERS
from order_svc.storage.orders import Creation, OrderRepository
from order_svc.storage.payment_links import LinkRepository, taken_by_others

MAX_LIFETIME = timedelta(days=366)
TOKEN_LETTERS = 28
"""131 bits. Letters alone: digits could look like a card number, and signs end an address in a mail."""


@dataclass(frozen=True, slots=True)
class NewLink:
    """What a merchant asks for."""

    merchant_id: UUID
    account_id: UUID
    mode: str
    amount: Money
    description: str
    merchant_order_id: str
    metadata: Mapping[str, str]
    return_url: str
    max_uses: int
    expire_time: datetime | None


@dataclass(frozen=True, slots=True)
class LinkChange:
    """What is to be different of a link; None: as it was."""

    enabled: bool | None
    description: str | None
    max_uses: int | None
    expire_time: datetime | None
    never_expires: bool = False
    """Whether it is to lose the end that it may have."""


@dataclass(frozen=True, slots=True)
class ShownLink:
    """A link with how often it was used, and what follows from that."""

    link: PaymentLink
    uses: Uses
    status: LinkStatus


@dataclass(frozen=True, slots=True)
class Taken:
    """A link as somebody finds it who opens it, with an order of it where there is one."""

    shown: ShownLink
    order: Order | None
    is_displaced: bool = False
    """Whether the order waits, holds no use any more, and others have every one."""


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who takes a use of a link: a browser, its network, and the provider that was chosen. Empty: nobody said."""

    browser: str
    source: str = ""
    provider: str = ""


class PaymentLinks:
    """Creates, finds and changes links, and makes their orders."""

    def __init__(
        self,
        database: Database,
        work: UnitsOfWork,
        order_lifetime: timedelta,
        *,
        clock: Clock = utc_now,
        ids: NewId = new_id,
    ) -> None:
        self._database = database
        self._links = LinkRepository()
        self._orders = OrderRepository()
        self._work = work
        self._order_lifetime = order_lifetime
        self._clock = clock
        self._ids = ids

    async def create(self, new: NewLink, claim: Claim | None) -> ShownLink | Record:
        """Create a link, or return the record of the request that created it under the same key.

        Raises ApiError INVALID_ARGUMENT for an `expire_time` out of range, ALREADY_EXISTS for a reused key.
        """
        now = self._clock()
        try:
            expire_time = _future(new.expire_time, now)
        except ApiError:
            # what was made in time is the answer to its repetition, however late that comes
            async with self._database.session() as session:
                if claim and (record := await idempotency.find(session, claim)):
                    return record
            raise
        link = PaymentLink(
            payment_link_id=self._ids(),
            merchant_id=new.merchant_id,
            account_id=new.account_id,
            mode=new.mode,
            token=new_token(),
            amount=new.amount,
            description=new.description,
            merchant_order_id=new.merchant_order_id,
            metadata=new.metadata,
            return_url=new.return_url,
            max_uses=new.max_uses,
            enabled=True,
            create_time=now,
            update_time=now,
            expire_time=expire_time,
        )
        made = ShownLink(link, Uses(), LinkStatus.ACTIVE)
        async with self._database.transaction() as session:
            if claim and (record := await idempotency.store(session, claim, link.payment_link_id, claim.answer(made))):
                return record
            await self._links.create(session, link)
        return made

    async def get(self, merchant_id: UUID, payment_link_id: UUID) -> ShownLink:
        """Return a merchant's link. Raises ApiError NOT_FOUND."""
        async with self._database.session() as session:
            link = await self._links.get(session, merchant_id, payment_link_id)
            if link is None:
                raise not_found("payment link", str(payment_link_id))
            return await self._shown(session, link, self._clock())

    async def page(self, listing: Listing, *, after: UUID | None, limit: int) -> Sequence[ShownLink]:
        """Return a page of a merchant's links."""
        async with self._database.session() as session:
            links = await self._links.page(session, listing, after=after, limit=limit)
            now = self._clock()
            uses = await self._links.uses(session, [link.payment_link_id for link in links], counted_since(now))
        return [_shown(link, uses.get(link.payment_link_id, Uses()), now) for link in links]

    async def update(self, merchant_id: UUID, payment_link_id: UUID, change: LinkChange) -> ShownLink:
        """Change a merchant's link.

        Raises ApiError NOT_FOUND, or INVALID_ARGUMENT for a time too far ahead, or for a number of payments that makes
        a link for one payment one for many or back: whose checkout an order is hangs on that.
        """
        now = self._clock()
        async with self._database.transaction() as session:
            link = await self._links.lock_owned(session, merchant_id, payment_link_id)
            if link is None:
                raise not_found("payment link", str(payment_link_id))
            if change.max_uses and (change.max_uses == 1) != (link.max_uses == 1):
                raise invalid("max_uses", "a link for one payment stays one, another stays for more: create a new link")
            changed = replace(
                link,
                enabled=link.enabled if change.enabled is None else change.enabled,
                description=link.description if change.description is None else change.description,
                max_uses=change.max_uses or link.max_uses,
                expire_time=None if change.never_expires else _expiry(change.expire_time, now) or link.expire_time,
            )
            if changed != link:
                changed = replace(changed, update_time=now)
                await self._links.update(session, changed)
            return await self._shown(session, changed, now)

    async def find(self, token: str, browser: str, order_id: UUID | None) -> Taken:
        """Return the link of an address with one order: the named one, or the checkout's own. Raises NOT_FOUND."""
        async with self._database.session() as session:
            link = await self._links.find(session, token)
            if link is None:
                raise unknown()
            order = await self._order_of(session, link, browser, order_id)
            now = self._clock()
            shown = await self._shown(session, link, now)
        return Taken(shown, order, bool(order and _is_displaced(order, shown, now)))

    async def _order_of(self, session: Session, link: PaymentLink, browser: str, order_id: UUID | None) -> Order | None:
        if order_id:
            order = await self._links.order(session, link, order_id)
            if order is None:
                raise unknown()
            return order
        last = await self._links.last_order(session, link, browser)
        return last if last and goes_on(last, self._clock()) else None

    async def take(self, token: str, visitor: Visitor) -> Taken:
        """Return the order that a checkout pays, a new one where there is none to go on with.

        The link's row is held while its uses are counted and one is taken, so however many come at once there are never
        more than `max_uses`. Who is refused, or goes on with an order that nobody else has, takes none, and waits for
        nobody. Raises ApiError NOT_FOUND, or FAILED_PRECONDITION: reason PAYMENT_LINK_NOT_PAYABLE,
        PAYMENT_LINK_CROWDED where one network has begun too many, PAYMENT_LINK_BUSY where another browser has just
        chosen another provider.
        """
        async with self._work.begin() as unit:
            link = await self._links.find(unit.session, token)
            if link is None:
                raise unknown()
            now = self._clock()
            shown, order = await self._place(unit.session, link, visitor, now)
            # an order of a link for one payment is everybody's: only one at a time may ask whose turn it is
            if order is None or link.max_uses == 1:
                link = await self._links.lock(unit.session, token)
                if link is None:
                    raise unknown()
                now = self._clock()
                shown, order = await self._place(unit.session, link, visitor, now)
            turn = await self._links.turn(unit.session, order.order_id) if order else None
            if order is None:
                await self._check_source(unit.session, link, visitor.source, now)
                order = await self._make_order(unit, link, visitor.browser, now)
                shown = _shown(link, replace(shown.uses, taken=shown.uses.taken + 1), now)
            await self._take_turn(unit.session, order, turn, visitor, now)
        return Taken(shown, order)

    async def _place(
        self, session: Session, link: PaymentLink, visitor: Visitor, now: datetime
    ) -> tuple[ShownLink, Order | None]:
        """Return the order that a checkout goes on with, or none where it may take a use. Raises ApiError else."""
        shown = await self._shown(session, link, now)
        # after the uses: an order that takes the last of them meanwhile may be the one to go on with
        last = await self._links.last_order(session, link, visitor.browser)
        order = last if last and goes_on(last, now) else None
        if shown.status != LinkStatus.ACTIVE and not _may_go_on(order, shown, now):
            raise failed_precondition(
                "PAYMENT_LINK_NOT_PAYABLE", f"the payment link is {shown.status}", status=str(shown.status)
            )
        return shown, order

    async def _check_source(self, session: Session, link: PaymentLink, source: str, now: datetime) -> None:
        """Refuse a network that has begun so much of a link: nobody uses one up without paying."""
        since = counted_since(now)
        if source and await self._links.begun_by(session, link.payment_link_id, source, since) >= link.max_of_source:
            words = f"{link.max_of_source} payments of this link were begun from this network, and none more may be now"
            raise failed_precondition("PAYMENT_LINK_CROWDED", words)

    async def _take_turn(
        self, session: Session, order: Order, last: Turn | None, visitor: Visitor, now: datetime
    ) -> None:
        """Note who chose where an order is paid. Raises ApiError where another browser has only just done so."""
        if not visitor.provider or order.status not in BEING_PAID | {OrderStatus.FAILED}:
            return
        if last and order.status in BEING_PAID:
            if last.closes_to(visitor.browser, visitor.provider, now):
                words = "somebody has just chosen another way to pay this, in another browser"
                raise failed_precondition("PAYMENT_LINK_BUSY", words, order_id=str(order.order_id))
            if last.provider == visitor.provider and last.browser != visitor.browser:
                # who goes on at another one's page has chosen nothing
                return
        turn = Turn(visitor.browser, visitor.provider, now)
        await self._links.take_turn(session, order, visitor.source, turn)

    async def _make_order(self, unit: UnitOfWork, link: PaymentLink, browser: str, now: datetime) -> Order:
        order = Order(
            order_id=self._ids(),
            merchant_id=link.merchant_id,
            merchant_order_id=link.merchant_order_id,
            amount=link.amount,
            status=OrderStatus.NEW,
            description=link.description,
            metadata=link.metadata,
            payment_id=None,
            payment_version=0,
            version=1,
            create_time=now,
            update_time=now,
            expire_time=link.order_expiry(now, self._order_lifetime),
            create_trace_id=context.current().trace_id,
            payment_link_id=link.payment_link_id,
            link_checkout=link.checkout(browser),
        )
        creation = Creation(order, facts.order_event(order), None, b"")
        unit.has_stored(await self._orders.create(unit.session, [creation]))
        ORDERS.labels(order.status).inc()
        return order

    async def _shown(self, session: Session, link: PaymentLink, now: datetime) -> ShownLink:
        uses = await self._links.uses(session, [link.payment_link_id], counted_since(now))
        return _shown(link, uses.get(link.payment_link_id, Uses()), now)


def new_token() -> str:
    """Return the secret part of a link's address."""
    return "".join(secrets.choice(string.ascii_lowercase) for _ in range(TOKEN_LETTERS))


def unknown() -> ApiError:
    """Return the refusal of an address that leads nowhere; it does not repeat the address."""
    return ApiError(grpc.StatusCode.NOT_FOUND, "PAYMENT_LINK_NOT_FOUND", "there is no such payment link")


def _shown(link: PaymentLink, uses: Uses, now: datetime) -> ShownLink:
    return ShownLink(link, uses, link.status(uses.taken, now))


def _may_go_on(order: Order | None, shown: ShownLink, now: datetime) -> bool:
    """Whether a link that takes nobody lets this order go on: who has begun may, and who has paid is told so."""
    if order is None or order.status == OrderStatus.FAILED:
        return False
    return holds_use(order, now) or not _others_have_all(order, shown, now)


def _is_displaced(order: Order, shown: ShownLink, now: datetime) -> bool:
    is_late = order.status in BEING_PAID and not holds_use(order, now)
    return is_late and shown.status == LinkStatus.USED_UP and _others_have_all(order, shown, now)


def _others_have_all(order: Order, shown: ShownLink, now: datetime) -> bool:
    return taken_by_others(shown.uses, order, counted_since(now)) >= shown.link.max_uses


def _future(asked: datetime | None, now: datetime) -> datetime | None:
    if asked and asked <= now:
        raise invalid("expire_time", "must be in the future")
    return _expiry(asked, now)


def _expiry(asked: datetime | None, now: datetime) -> datetime | None:
    if asked and asked > now + MAX_LIFETIME:
        raise invalid("expire_time", f"must be at most {MAX_LIFETIME.days} days ahead")
    return asked
