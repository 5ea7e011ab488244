"""Reconciliation: a provider's own list of payments, held against ours."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

from mesh.errors import unavailable
from mesh.ids import Clock, utc_now
from mesh.money import Money
from mesh.storage.database import Database
from mesh.telemetry import get_logger
from payment_svc.domain.payment import Payment, PaymentStatus
from payment_svc.domain.reconciliation import (
    NOTHING,
    Comparison,
    Discrepancy,
    DiscrepancyKind,
    Given,
    ProviderRecord,
    captured,
)
from payment_svc.domain.refund import RefundStatus
from payment_svc.metrics import DIFFERENCES, RECONCILED
from payment_svc.providers.base import ObjectNotFoundError, ProviderError
from payment_svc.providers.registry import Registry
from payment_svc.providers.resilience import ResilientProvider
from payment_svc.storage.payments import PaymentRepository
from payment_svc.storage.refunds import RefundRepository

log = get_logger(__name__)
AT_ONCE = 8
"""How many payments a provider is asked about at the same time."""


class Reconciliation:
    """Compares the provider's records with ours. Reads only: what to do about a discrepancy is for a person to say."""

    def __init__(
        self,
        database: Database,
        store: PaymentRepository,
        providers: Registry,
        settling: timedelta,
        clock: Clock = utc_now,
    ) -> None:
        self._database = database
        self._store = store
        self._refunds = RefundRepository()
        self._providers = providers
        self._settling = settling
        self._clock = clock

    async def compare(self, name: str, since: datetime, until: datetime) -> Comparison:
        """Compare the payments that were created in a span of time.

        Those younger than the settling time may be captured at the provider and on their way to us: they are left out.
        Only money counts: a page that nobody paid on is in one book and not in the other, and is no discrepancy.
        Raises ApiError INVALID_ARGUMENT for an unknown provider, UNAVAILABLE when it does not answer.
        """
        provider = self._providers.get(name)
        until = min(until, self._clock() - self._settling)
        if until <= since:
            # all of it is that young: some providers refuse a span that ends before it begins
            return Comparison(0, 0, [])
        try:
            records = [record async for record in provider.records(since, until)]
            payments = await self._ours(name, since, until, records)
            given = await self._given(list(payments))
            found = [await self._confirm(provider, one) for one in _compare(payments, records)]
            found = [one for one in found if one is not None and not _is_written_off(one, given)]
            both = list(_captured_by_both(payments, records))
            for (payment, record), shown in zip(both, await self._shown(provider, both), strict=True):
                if shown is not None and not given.get(payment.payment_id, NOTHING).fits(shown.minor):
                    found.append(await self._confirm_given(provider, payment, record, shown))
        except ProviderError as error:
            raise unavailable("PROVIDER_UNAVAILABLE", f"{name} does not list its records: {error}") from error
        real = [one for one in found if one is not None]
        RECONCILED.labels(name).set(self._clock().timestamp())
        DIFFERENCES.labels(name).set(len(real))
        in_time = [payment for payment in payments.values() if since <= payment.create_time < until]
        return Comparison(len(records), len(in_time), sorted(real, key=lambda one: one.create_time))

    async def _ours(
        self, provider: str, since: datetime, until: datetime, records: Iterable[ProviderRecord]
    ) -> dict[UUID, Payment]:
        """Return our payments of that time, and those that the records name, which may be from just outside of it."""
        named = {payment_id for record in records if (payment_id := _uuid(record.payment_id))}
        async with self._database.session() as session:
            ours = {one.payment_id: one for one in await self._store.created(session, provider, since, until)}
            others = await self._store.by_ids(session, sorted(named - ours.keys()))
        return ours | {one.payment_id: one for one in others if one.provider == provider and one.account_id is None}

    async def _given(self, payment_ids: Sequence[UUID]) -> dict[UUID, Given]:
        async with self._database.session() as session:
            return await self._refunds.given(session, payment_ids)

    async def _shown(
        self, provider: ResilientProvider, both: Sequence[tuple[Payment, ProviderRecord]]
    ) -> list[Money | None]:
        """Return what the provider says went back of each payment; None where it does not say.

        Some are asked for at once, as each may be a call of its own, and no more, as payments are under way beside.
        """
        free = asyncio.Semaphore(AT_ONCE)

        async def shown(payment: Payment, record: ProviderRecord) -> Money | None:
            if record.refunded:
                return record.refunded
            async with free:
                return await self._listed(provider, payment)

        return await asyncio.gather(*(shown(*one) for one in both))

    async def _listed(self, provider: ResilientProvider, payment: Payment) -> Money | None:
        """Add up the refunds that the provider lists of a payment; None where it lists none, or does not say now."""
        if not provider.lists_refunds:
            return None
        try:
            listed = [one.snapshot for one in await provider.given_back(payment, payment.create_time)]
        except ProviderError as error:
            # one that fails is no reason to throw away what is known of all others
            log.warning("refunds not compared", payment_id=payment.payment_id, error=repr(error))
            return None
        back = [one.amount for one in listed if one.amount and one.status != RefundStatus.FAILED]
        return payment.money(sum(one.minor for one in back if one.currency == payment.amount.currency))

    async def _confirm_given(
        self, provider: ResilientProvider, payment: Payment, record: ProviderRecord, shown: Money
    ) -> Discrepancy | None:
        """Look at both books once more: a refund may have been made between the two looks."""
        shown = await self._listed(provider, payment) or shown
        given = (await self._given([payment.payment_id])).get(payment.payment_id, NOTHING)
        if given.fits(shown.minor):
            return None
        return Discrepancy(
            DiscrepancyKind.REFUNDED_DIFFERS, payment, record, (payment.money(given.made + given.under_way), shown)
        )

    async def _confirm(self, provider: ResilientProvider, found: Discrepancy) -> Discrepancy | None:
        """Ask the provider about a payment that its list does not have: it may have been created just outside of it."""
        if found.kind != DiscrepancyKind.MISSING_THERE or found.payment is None:
            return found
        payment = found.payment
        try:
            said = await provider.fetch(payment)
        except ObjectNotFoundError:
            return found
        record = ProviderRecord(
            payment.provider_reference,
            str(payment.payment_id),
            said.status,
            said.amount if said.status == PaymentStatus.SUCCESS else None,
            payment.create_time,
        )
        return _differ(payment, record)


def _is_written_off(found: Discrepancy, given: Mapping[UUID, Given]) -> bool:
    """Whether a capture that the provider does not have was written off here: then both books say that it is gone."""
    is_gone = found.record is None or found.record.amount is None
    payment = found.payment
    return is_gone and payment is not None and given.get(payment.payment_id, NOTHING).is_lost(payment)


def _captured_by_both(
    payments: dict[UUID, Payment], records: Iterable[ProviderRecord]
) -> Iterator[tuple[Payment, ProviderRecord]]:
    by_reference = _by_reference(payments)
    for record in records:
        payment = _of(record, payments, by_reference)
        if payment and record.amount and captured(payment) == record.amount:
            yield payment, record


def _by_reference(payments: dict[UUID, Payment]) -> dict[str, Payment]:
    return {payment.provider_reference: payment for payment in payments.values() if payment.provider_reference}


def _of(record: ProviderRecord, payments: dict[UUID, Payment], by_reference: Mapping[str, Payment]) -> Payment | None:
    """Return the payment that a record is of: known by our id in it, else by the provider's reference."""
    payment_id = _uuid(record.payment_id)
    return payments.get(payment_id) if payment_id else by_reference.get(record.reference)


def _compare(payments: dict[UUID, Payment], records: list[ProviderRecord]) -> list[Discrepancy]:
    """Match the two sides' records."""
    by_reference = _by_reference(payments)
    found: list[Discrepancy | None] = []
    seen: dict[UUID, bool] = {}
    for record in records:
        payment = _of(record, payments, by_reference)
        if payment is None:
            # an object that moved no money is nobody's business
            found.append(Discrepancy(DiscrepancyKind.MISSING_HERE, None, record) if record.amount else None)
            continue
        if record.amount and seen.get(payment.payment_id):
            found.append(Discrepancy(DiscrepancyKind.MISSING_HERE, None, replace(record, payment_id="")))
            continue
        seen[payment.payment_id] = seen.get(payment.payment_id, False) or record.amount is not None
        found.append(_differ(payment, record))
    found += [
        Discrepancy(DiscrepancyKind.MISSING_THERE, payment, None)
        for payment in payments.values()
        if payment.payment_id not in seen and payment.status == PaymentStatus.SUCCESS
    ]
    return [one for one in found if one is not None]


def _differ(payment: Payment, record: ProviderRecord) -> Discrepancy | None:
    ours = captured(payment)
    if (ours is None) != (record.amount is None):
        return Discrepancy(DiscrepancyKind.STATE_DIFFERS, payment, record)
    if ours != record.amount:
        return Discrepancy(DiscrepancyKind.AMOUNT_DIFFERS, payment, record)
    return None


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
