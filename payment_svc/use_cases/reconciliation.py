"""Reconciliation: a provider's own list of payments, held against ours."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TypeVar
from uuid import UUID

from mesh.errors import invalid, unavailable
from mesh.ids import Clock, NewId, new_id, utc_now
from mesh.money import Money
from mesh.storage.database import Database
from mesh.telemetry import get_logger
from payment_svc.domain import reconciliation as domain
from payment_svc.domain.comparison import Books, Compared, Found
from payment_svc.domain.payment import Payment, PaymentStatus
from payment_svc.domain.reconciliation import (
    NOTHING,
    Comparison,
    Discrepancy,
    DiscrepancyKind,
    Matched,
    OurBook,
    ProviderRecord,
)
from payment_svc.domain.refund import RefundStatus
from payment_svc.providers.base import ObjectNotFoundError, ProviderError, RejectedError, UnreadableAnswerError
from payment_svc.providers.registry import Registry
from payment_svc.providers.resilience import ResilientProvider, aside
from payment_svc.storage.comparisons import ComparisonRepository
from payment_svc.storage.payments import PaymentRepository
from payment_svc.storage.refunds import RefundRepository
from payment_svc.storage.reviews import ReviewRepository

log = get_logger(__name__)
AT_ONCE = 8
"""How many payments a provider is asked about at the same time."""
PAGE = 200
"""How many of our payments are read by one statement."""
WIDEST = timedelta(hours=1)
NARROWEST = timedelta(milliseconds=1)
BATCH = 500
"""Of how many payments at a time it is asked what went back, and what people have answered."""
LOOKS = 3
"""How often both books are asked about a payment that changes while they are."""
SPANS_MOST = 100
"""How many spans are listed that differ."""

ItemT = TypeVar("ItemT")
ResultT = TypeVar("ResultT")


@dataclass(frozen=True, slots=True)
class Repositories:
    """Where our book is read, and where is kept what was compared."""

    payments: PaymentRepository
    comparisons: ComparisonRepository
    refunds: RefundRepository
    reviews: ReviewRepository

    @staticmethod
    def usual() -> Repositories:
        """Return those in PostgreSQL."""
        return Repositories(PaymentRepository(), ComparisonRepository(), RefundRepository(), ReviewRepository())


class Reconciliation:
    """Compares the provider's records with ours, and keeps what came of it.

    Both books are only read: what to do about a discrepancy is for a person to say.
    """

    def __init__(
        self,
        database: Database,
        store: Repositories,
        providers: Registry,
        settling: timedelta,
        clock: Clock = utc_now,
        ids: NewId = new_id,
    ) -> None:
        self._database = database
        self._store = store
        self._providers = providers
        self._settling = settling
        self._clock = clock
        self._ids = ids

    def settled(self, provider: ResilientProvider) -> datetime:
        """Return before when payments were created that both books should have by now."""
        # whoever says that nothing has to settle has a provider that lists at once
        lag = max(self._settling, provider.capabilities.listed_after) if self._settling else self._settling
        return self._clock() - lag

    async def compare(self, name: str, since: datetime, until: datetime) -> Comparison:
        """Compare the payments that were created in a span of time.

        Those that the provider need not list yet, or of which news may be on their way to us, are left out.
        Only money counts: a page that nobody paid on is in one book and not in the other, and is no discrepancy.
        Raises ApiError INVALID_ARGUMENT for an unknown provider and a span that has not begun, UNAVAILABLE when it does
        not answer.
        """
        provider = self._providers.get(name)
        if since >= self._clock():
            raise invalid("from_time", "is in the future: there is nothing to compare")
        until = min(until, self.settled(provider))
        if until <= since:
            # all of it is that young: some providers refuse a span that ends before it begins
            return Comparison(0, 0, [], since)
        try:
            records = [record async for record in provider.records(since, until)]
            payments = await self._ours(name, since, until, records)
            with aside():
                found = await self._differences(provider, payments, records)
        except ProviderError as error:
            raise unavailable("PROVIDER_UNAVAILABLE", f"{name} does not list its records: {error}") from error
        in_time = [one for one in payments.values() if one.provider == name and since <= one.create_time < until]
        found.sort(key=lambda one: one.create_time)
        comparison = Comparison(len(records), len(in_time), found, until)
        await self._keep(name, since, comparison)
        return comparison

    async def standing(self) -> tuple[list[Books], list[Compared]]:
        """Return how the books of each provider stand, and the newest spans that differ."""
        async with self._database.session() as session:
            books = await self._store.comparisons.books(session)
            return books, await self._store.comparisons.differing(session, SPANS_MOST)

    async def _keep(self, name: str, since: datetime, comparison: Comparison) -> None:
        kept = [
            Found(str(one.kind), str(one.payment.payment_id) if one.payment else "", one.reference)
            for one in comparison.discrepancies
        ]
        sides = (comparison.provider_payments, comparison.our_payments)
        async with self._database.transaction() as session:
            await self._store.comparisons.add(session, self._ids(), name, (since, comparison.until), sides, kept)

    async def _ours(
        self, provider: str, since: datetime, until: datetime, records: Iterable[ProviderRecord]
    ) -> dict[UUID, Payment]:
        """Return our payments of that time, and those that the records name: of just outside of it, or gone on."""
        ours = {one.payment_id: one async for one in self._created(provider, since, until)}
        named = {payment_id for record in records if (payment_id := _uuid(record.payment_id))}
        for some in _batches(sorted(named - ours.keys()), PAGE):
            async with self._database.session() as session:
                others = await self._store.payments.by_ids(session, some)
            ours |= {one.payment_id: one for one in others if domain.is_at(one, provider)}
        return ours

    async def _created(self, provider: str, since: datetime, until: datetime) -> AsyncIterator[Payment]:
        """Walk through our payments of a time in spans that are as wide as a statement can read at once.

        They lie in the order of their creation, which is all that tells where the next ones are.
        """
        width = WIDEST
        while since < until:
            end = min(since + width, until)
            limit = PAGE if width > NARROWEST else 2**31 - 1
            async with self._database.session() as session:
                found = await self._store.comparisons.created(session, provider, since, end, limit)
            if len(found) == limit:
                width = max(width / 2, NARROWEST)
                continue
            for one in found:
                yield one
            since = end
            if len(found) < PAGE // 4:
                width = min(2 * width, WIDEST)

    async def _differences(
        self, provider: ResilientProvider, payments: dict[UUID, Payment], records: Sequence[ProviderRecord]
    ) -> list[Discrepancy]:
        by_payment, found = await _sorted(provider.name, payments, records)
        books = await self._books(list(payments.values()))
        doubtful: list[UUID] = []
        agreed: list[tuple[OurBook, Matched]] = []
        async for book in _in_turns(books.values()):
            differ, matched = domain.compared(book, provider.name, by_payment.get(book.payment.payment_id, []))
            agreed += ((book, one) for one in matched if _may_have_gone_back(one))
            if differ:
                doubtful.append(book.payment.payment_id)
        for confirmed in await _some_at_once(
            doubtful, lambda key: self._confirm(provider, books[key], by_payment.get(key, []))
        ):
            found += confirmed
        for back in await _some_at_once(agreed, lambda one: self._went_back(provider, *one)):
            found += back
        return found

    async def _books(self, payments: Sequence[Payment]) -> dict[UUID, OurBook]:
        found: dict[UUID, OurBook] = {}
        for some in _batches(payments, BATCH):
            keys = [one.payment_id for one in some]
            async with self._database.session() as session:
                given = await self._store.refunds.given(session, keys)
                dealt_with = await self._store.reviews.dealt_with(session, keys)
            found |= {
                one.payment_id: OurBook(one, given.get(one.payment_id, {}), dealt_with.get(one.payment_id, ()))
                for one in some
            }
        return found

    async def _anew(self, payment: Payment) -> OurBook:
        async with self._database.session() as session:
            now = await self._store.payments.by_ids(session, [payment.payment_id])
        return (await self._books(now or [payment]))[payment.payment_id]

    async def _confirm(
        self, provider: ResilientProvider, book: OurBook, records: Sequence[ProviderRecord]
    ) -> list[Discrepancy]:
        """Look at both books once more: it may have been paid between the provider's list and our look.

        What the provider's list does not have it is asked about too: that may have been created just outside of it.
        """
        differ, _ = domain.compared(book, provider.name, records)
        for _ in range(LOOKS):
            if not differ:
                break
            before = book.payment.version
            known = [
                shown
                for one in differ
                if one.ours and (shown := await self._shown(provider, book.payment, one)) is not None
            ]
            replaced = [one.record for one in differ if one.ours]
            records = [*(one for one in records if one not in replaced), *known]
            book = await self._anew(book.payment)
            differ, _ = domain.compared(book, provider.name, records)
            if book.payment.version == before:
                break
        return differ

    async def _shown(self, provider: ResilientProvider, payment: Payment, found: Discrepancy) -> ProviderRecord | None:
        """Return what the provider shows now of an object; None when it has none."""
        assert found.ours
        asked = domain.viewed_at(payment, provider.name, found.ours.reference)
        try:
            said = await provider.fetch(asked)
        except ObjectNotFoundError:
            return None
        except (RejectedError, UnreadableAnswerError) as error:
            # one that cannot be read is no reason to throw away what is known of all others
            log.warning("payment not looked at again", payment_id=payment.payment_id, error=repr(error))
            return found.record
        listed = found.record or ProviderRecord(
            asked.provider_reference, str(payment.payment_id), said.status, None, payment.create_time
        )
        return replace(listed, status=said.status, amount=said.amount if said.status == PaymentStatus.SUCCESS else None)

    async def _went_back(self, provider: ResilientProvider, book: OurBook, found: Matched) -> list[Discrepancy]:
        """Compare what went back of an object of which both books say the same was taken."""
        asked = domain.viewed_at(book.payment, provider.name, found.side.reference)
        shown = found.record.refunded or await self._listed(provider, asked)
        if shown is None or found.side.given.fits(shown.minor):
            return []
        # once more: a refund may have been made between the two looks
        shown = await self._listed(provider, asked) or shown
        book = await self._anew(book.payment)
        side = domain.side_of(book, provider.name, found.side.reference)
        if side.given.fits(shown.minor):
            return []
        said = book.payment.money(side.given.made + side.given.under_way)
        return [Discrepancy(DiscrepancyKind.REFUNDED_DIFFERS, book.payment, found.record, (said, shown), side)]

    async def _listed(self, provider: ResilientProvider, payment: Payment) -> Money | None:
        """Add up the refunds that the provider lists of a payment; None where it lists none, or not of this one.

        An outage is nobody's answer: what was not looked at must not pass for what agrees.
        """
        if not provider.lists_refunds:
            return None
        try:
            listed = [one.snapshot for one in await provider.given_back(payment, payment.create_time)]
        except (ObjectNotFoundError, RejectedError, UnreadableAnswerError) as error:
            # one that cannot be read is no reason to throw away what is known of all others
            log.warning("refunds not compared", payment_id=payment.payment_id, error=repr(error))
            return None
        back = [one.amount for one in listed if one.amount and one.status != RefundStatus.FAILED]
        return payment.money(sum(one.minor for one in back if one.currency == payment.amount.currency))


async def _sorted(
    provider: str, payments: dict[UUID, Payment], records: Sequence[ProviderRecord]
) -> tuple[dict[UUID, list[ProviderRecord]], list[Discrepancy]]:
    """Return the records of each payment, known by our id in them, else by the object's name; and money of none."""
    by_reference: dict[str, UUID] = {}
    async for payment in _in_turns(payments.values()):
        by_reference |= {name: payment.payment_id for name in domain.objects_of(payment, provider) if name}
    found: dict[UUID, list[ProviderRecord]] = {}
    strays: list[Discrepancy] = []
    async for record in _in_turns(records):
        key = _uuid(record.payment_id) or by_reference.get(record.reference)
        if key and key in payments:
            found.setdefault(key, []).append(record)
        elif record.amount:
            # an object that moved no money is nobody's business
            strays.append(Discrepancy(DiscrepancyKind.MISSING_HERE, None, record))
    return found, strays


async def _in_turns(items: Iterable[ItemT]) -> AsyncIterator[ItemT]:
    """Walk through many things, and let others have their turn now and then."""
    for place, one in enumerate(items):
        if place % PAGE == 0:
            await asyncio.sleep(0)
        yield one


async def _some_at_once(items: Sequence[ItemT], ask: Callable[[ItemT], Awaitable[ResultT]]) -> list[ResultT]:
    """Ask about each: some at once, as each may be a call, and no more, as payments are under way beside."""
    free = asyncio.Semaphore(AT_ONCE)

    async def one_of_them(item: ItemT) -> ResultT:
        async with free:
            return await ask(item)

    answers: list[ResultT] = []
    for some in _batches(items, BATCH):
        tasks = [asyncio.ensure_future(one_of_them(item)) for item in some]
        try:
            answers += await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
    return answers


def _may_have_gone_back(found: Matched) -> bool:
    """Whether either side knows of money that went back: a call for each payment of a busy day comes to no end."""
    return found.record.refunded is not None or found.record.gave_back or found.side.given != NOTHING


def _batches(items: Sequence[ItemT], size: int) -> Iterable[Sequence[ItemT]]:
    return (items[start : start + size] for start in range(0, len(items), size))


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
