"""Orders: create, find, cancel, reserve and settle them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from mesh import context
from mesh.errors import ApiError, failed_precondition, invalid, not_found
from mesh.events.unit_of_work import UnitOfWork, UnitsOfWork
from mesh.ids import Clock, NewId, new_id, utc_now
from mesh.money import Money
from mesh.storage import history, idempotency
from mesh.storage.batcher import Batcher
from mesh.storage.database import Database, Session
from mesh.storage.history import Change, Entry, Origin
from mesh.storage.idempotency import Claim, Record
from mesh.storage.listing import Listing
from mesh.telemetry import alert, get_logger
from order_svc import domain
from order_svc.contract import events as facts
from order_svc.domain import OVER, PAYABLE, Capture, IllegalTransitionError, Order, OrderStatus, Refunded
from order_svc.metrics import CAPTURE_QUARANTINED, CAPTURE_WITHOUT_ORDER, ORDERS
from order_svc.storage.orders import Creation, OrderRepository
from order_svc.storage.payment_links import LinkRepository

log = get_logger(__name__)
EXPIRY_BATCH = 50
MOST_PAYABLE = 256
"""How many orders are remembered that a payment is about to take: it does so within moments."""
LINK_USED_UP = "every use of the order's payment link is taken"


@dataclass(frozen=True, slots=True)
class NewOrder:
    """What a merchant asks for."""

    merchant_id: UUID
    merchant_order_id: str
    amount: Money
    description: str
    metadata: Mapping[str, str]
    expire_time: datetime | None


@dataclass(frozen=True, slots=True)
class Lifetimes:
    """How long an order may be paid: when nothing is asked, and at the most."""

    default: timedelta
    maximum: timedelta


class Orders:
    """Creates, finds, cancels, reserves and settles orders."""

    def __init__(
        self,
        database: Database,
        store: OrderRepository,
        lifetimes: Lifetimes,
        work: UnitsOfWork,
        *,
        clock: Clock = utc_now,
        ids: NewId = new_id,
    ) -> None:
        self._database = database
        self._store = store
        self._links = LinkRepository()
        self._lifetimes = lifetimes
        self._work = work
        self._clock = clock
        self._ids = ids
        self._creations = Batcher(self._insert)
        self._payable: OrderedDict[UUID, Order] = OrderedDict()

    async def create(self, new: NewOrder, claim: Claim | None) -> Order | Record:
        """Create an order, or return the record of the request that created it under the same key.

        Raises ApiError INVALID_ARGUMENT for an `expire_time` out of range, ALREADY_EXISTS for a reused key.
        """
        now = self._clock()
        try:
            expire_time = self._expiry(new.expire_time, now)
        except ApiError:
            # what was made in time is the answer to its repetition, however late that comes
            if claim and (record := await self._record_of(claim)):
                return record
            raise
        order = Order(
            order_id=self._ids(),
            merchant_id=new.merchant_id,
            merchant_order_id=new.merchant_order_id,
            amount=new.amount,
            status=OrderStatus.NEW,
            description=new.description,
            metadata=new.metadata,
            payment_id=None,
            payment_version=0,
            version=1,
            create_time=now,
            update_time=now,
            expire_time=expire_time,
            create_trace_id=context.current().trace_id,
        )
        answer = claim.answer(order) if claim else b""
        if await self._creations.submit(Creation(order, facts.order_event(order), claim, answer)):
            ORDERS.labels(order.status).inc()
            return order
        record = await self._record_of(claim) if claim else None
        if record is None:
            raise RuntimeError("the idempotency record vanished between two statements")
        return record

    async def _record_of(self, claim: Claim) -> Record | None:
        async with self._database.session() as session:
            return await idempotency.find(session, claim)

    async def _insert(self, batch: Sequence[Creation]) -> list[bool]:
        """Insert orders together; return for each whether it is new."""
        async with self._work.statement() as session:
            stored = await self._store.create(session, batch)
        self._work.carry(stored)
        new = {row.aggregate_id for row in stored}
        return [creation.order.order_id in new for creation in batch]

    async def get(self, merchant_id: UUID, order_id: UUID) -> Order:
        """Return a merchant's order. Raises ApiError NOT_FOUND."""
        async with self._database.session() as session:
            order = await self._store.get(session, merchant_id, order_id)
        if order is None:
            raise not_found("order", str(order_id))
        return order

    async def payable(self, merchant_id: UUID, order_id: UUID) -> Order:
        """Return an order that is about to be taken for a payment, most likely. Raises ApiError NOT_FOUND."""
        order = await self.get(merchant_id, order_id)
        if order.status == OrderStatus.NEW and order.payment_link_id is None:
            self._payable[order_id] = order
            if len(self._payable) > MOST_PAYABLE:
                self._payable.popitem(last=False)
        return order

    async def changes(
        self, merchant_id: UUID, order_id: UUID, *, skip: int = 0, most: int | None = None
    ) -> list[Entry]:
        """Return what happened to a merchant's order, oldest first, without the first `skip` entries.

        Raises ApiError NOT_FOUND.
        """
        order = await self.get(merchant_id, order_id)
        created = replace(order, status=OrderStatus.NEW, version=1, update_time=order.create_time)
        by = ("gateway", "TakeLink") if order.payment_link_id else ("merchant", "CreateOrder")
        origin = Origin(*by, order.create_trace_id)
        async with self._database.session() as session:
            # its creation, which comes first, is no row of the history
            first = [] if skip else [Entry(_change(created), origin)]
            left = None if most is None else most - len(first)
            return [*first, *await history.of_order(session, order_id, skip=max(0, skip - 1), most=left)]

    async def page(self, listing: Listing, *, after: UUID | None, limit: int) -> list[Order]:
        """Return a page of a merchant's orders."""
        async with self._database.session() as session:
            return await self._store.page(session, listing, after=after, limit=limit)

    async def cancel(self, merchant_id: UUID, order_id: UUID) -> Order:
        """Cancel an order that has no payment. Raises ApiError NOT_FOUND or FAILED_PRECONDITION."""
        async with self._work.begin() as unit:
            order = await self._owned(unit.session, merchant_id, order_id)
            if order.status == OrderStatus.CANCELLED:
                return order
            if order.status != OrderStatus.NEW:
                raise failed_precondition(
                    "ORDER_NOT_CANCELLABLE", f"the order is {order.status}; only a NEW one can be cancelled"
                )
            order = domain.transition(order, OrderStatus.CANCELLED, self._clock())
            await self._save(unit, order)
        return order

    async def reserve(self, merchant_id: UUID, order_id: UUID, payment_id: UUID, replaces: UUID | None = None) -> Order:
        """Take an order for one payment; again for the same payment, return it unchanged, unless that has ended unpaid.

        `replaces` is a payment that was closed for this one: what it has taken is free.

        Raises ApiError NOT_FOUND, or FAILED_PRECONDITION with reason ORDER_NOT_PAYABLE or PAYMENT_IN_PROGRESS.
        """
        now = self._clock()
        if taken := await self._take(merchant_id, order_id, payment_id, now):
            return taken
        async with self._work.begin() as unit:
            order = await self._owned(unit.session, merchant_id, order_id)
            if order.payment_id == payment_id:
                return _kept(order)
            if order.status == OrderStatus.PROCESSING and order.payment_id == replaces:
                order = domain.hand_over(order, payment_id, now)
                await self._save(unit, order)
                return order
            if order.status == OrderStatus.PROCESSING:
                raise failed_precondition(
                    "PAYMENT_IN_PROGRESS",
                    f"another payment of this order is under way: {order.payment_id}",
                    order_id=str(order_id),
                    payment_id=str(order.payment_id),
                )
            if order.status not in PAYABLE or order.expire_time <= now:
                raise failed_precondition("ORDER_NOT_PAYABLE", f"the order is {order.status} and cannot be paid")
            if not await self._may_begin(unit.session, order):
                raise failed_precondition("ORDER_NOT_PAYABLE", LINK_USED_UP)
            order = domain.transition(order, OrderStatus.PROCESSING, now, payment_id)
            await self._save(unit, order)
        return order

    async def _take(self, merchant_id: UUID, order_id: UUID, payment_id: UUID, now: datetime) -> Order | None:
        """Take an order as it was just read, in one statement; None when it has changed since, or was not read here.

        Its first version is all that an order is then: nothing of it changes without another one but its end.
        """
        known = self._payable.pop(order_id, None)
        if known is None or known.merchant_id != merchant_id or known.expire_time <= now:
            return None
        order = domain.transition(known, OrderStatus.PROCESSING, now, payment_id)
        async with self._work.statement() as session:
            stored = await self._store.try_update(session, order, facts.order_event(order), _entries(order))
        if not stored:
            return None
        self._work.carry(stored)
        _tell(order)
        return order

    async def expire_due(self) -> bool:
        """Expire orders that were not paid in time; return whether there may be more. Safe in several replicas."""
        async with self._work.begin() as unit:
            due = await self._store.lock_expired(unit.session, EXPIRY_BATCH)
            now = self._clock()
            for order in due:
                await self._save(unit, domain.transition(order, OrderStatus.EXPIRED, now))
        return len(due) == EXPIRY_BATCH

    async def settle(self, unit: UnitOfWork, order_id: UUID, capture: Capture) -> None:
        """Apply a confirmed capture. Money that does not fit the order changes nothing and raises an alert."""
        order = await self._store.lock(unit.session, order_id)
        if order is None:
            alert(CAPTURE_WITHOUT_ORDER, log, order_id=order_id, payment_id=capture.payment_id)
            return
        try:
            settled = await self._settled(unit.session, order, capture)
        except IllegalTransitionError as error:
            alert(CAPTURE_QUARANTINED, log, order_id=order_id, payment_id=capture.payment_id, reason=str(error))
            return
        if settled:
            await self._store_settled(unit, order, settled)

    async def _settled(self, session: Session, order: Order, capture: Capture) -> Order | None:
        """Return the order after a capture; None when it was known. Raises IllegalTransitionError where none fits."""
        settled = domain.settle(order, capture, self._clock())
        # uses bound what begins. Who has begun in time and pays late has paid: only what failed may come too late, and
        # its payment asks whether the capture settles the order, so that it goes back
        if order.status == OrderStatus.FAILED and settled and not await self._may_begin(session, order):
            raise IllegalTransitionError(LINK_USED_UP)
        return settled

    async def _may_begin(self, session: Session, order: Order) -> bool:
        """Whether an order holds a use of its link, or may take one: what has failed or waited long holds none."""
        now = self._clock()
        if order.payment_link_id is None or domain.holds_use(order, now):
            return True
        # a link is locked after its orders, here and everywhere
        return await self._links.has_room(session, order.payment_link_id, order, domain.counted_since(now))

    async def _store_settled(self, unit: UnitOfWork, order: Order, settled: Order) -> None:
        """Store a settled order; where only how much was captured is new, that is no change of the order."""
        if settled.version == order.version:
            await self._store.note(unit.session, settled)
        else:
            await self._save(unit, settled)

    async def try_to_settle(self, merchant_id: UUID, order_id: UUID, capture: Capture) -> str:
        """Apply a capture; return why it does not settle the order, empty when it does. Raises ApiError NOT_FOUND."""
        async with self._work.begin() as unit:
            order = await self._owned(unit.session, merchant_id, order_id)
            try:
                settled = await self._settled(unit.session, order, capture)
            except IllegalTransitionError as error:
                return str(error)
            if settled:
                await self._store_settled(unit, order, settled)
            return ""

    async def refund(self, unit: UnitOfWork, order_id: UUID, total: Refunded) -> None:
        """Apply what was refunded of the order's payment; what is stale is absorbed."""
        order = await self._store.lock(unit.session, order_id)
        changed = domain.refund(order, total, self._clock()) if order else None
        if order is None or changed is None:
            return
        if changed.version == order.version:
            await self._store.note(unit.session, changed)
        else:
            await self._save(unit, changed)

    async def fail(self, unit: UnitOfWork, order_id: UUID, payment_id: UUID) -> None:
        """Apply the failure of the order's payment; of any other payment it is absorbed."""
        order = await self._store.lock(unit.session, order_id)
        failed = domain.fail(order, payment_id, self._clock()) if order else None
        if failed:
            await self._save(unit, failed)

    async def _owned(self, session: Session, merchant_id: UUID, order_id: UUID) -> Order:
        order = await self._store.lock_owned(session, merchant_id, order_id)
        if order is None:
            raise not_found("order", str(order_id))
        return order

    async def _save(self, unit: UnitOfWork, order: Order) -> None:
        unit.has_stored(await self._store.update(unit.session, order, facts.order_event(order), _entries(order)))
        _tell(order)

    def _expiry(self, asked: datetime | None, now: datetime) -> datetime:
        if asked is None:
            return now + self._lifetimes.default
        if not now < asked <= now + self._lifetimes.maximum:
            raise invalid("expire_time", f"must be in the future and at most {self._lifetimes.maximum.days} days ahead")
        return asked


def _kept(order: Order) -> Order:
    """Return an order that a payment has taken already. Raises ApiError where that has ended, and was told to have."""
    if order.status in PAYABLE | OVER:
        words = f"the order is {order.status} since this payment of it has ended"
        raise failed_precondition("ORDER_NOT_PAYABLE", words)
    return order


def _change(order: Order) -> Change:
    return Change(order.order_id, "order", str(order.order_id), order.version, str(order.status), order.update_time)


def _entries(order: Order) -> list[Entry]:
    return history.entries([_change(order)])


def _tell(order: Order) -> None:
    ORDERS.labels(order.status).inc()
    cause = context.current().method
    log.info("order changed", order_id=order.order_id, status=order.status, version=order.version, cause=cause)
