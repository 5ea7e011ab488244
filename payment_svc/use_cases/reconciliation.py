"""Reconciliation: a provider's own list of payments, held against ours."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

from mesh.errors import unavailable
from mesh.ids import Clock, utc_now
from mesh.storage.database import Database
from payment_svc.domain.payment import Payment, PaymentStatus
from payment_svc.domain.reconciliation import Comparison, Discrepancy, DiscrepancyKind, ProviderRecord, captured
from payment_svc.metrics import DIFFERENCES, RECONCILED
from payment_svc.providers.base import ObjectNotFoundError, ProviderError
from payment_svc.providers.registry import Registry
from payment_svc.providers.resilience import ResilientProvider
from payment_svc.storage.payments import PaymentRepository


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
        try:
            records = [record async for record in provider.records(since, until)]
            payments = await self._ours(name, since, until, records)
            found = [await self._confirm(provider, one) for one in _compare(payments, records)]
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


def _compare(payments: dict[UUID, Payment], records: list[ProviderRecord]) -> list[Discrepancy]:
    """Match the two sides' records; a record is known by our id in it, else by the provider's reference."""
    by_reference = {payment.provider_reference: payment for payment in payments.values() if payment.provider_reference}
    found: list[Discrepancy | None] = []
    seen: dict[UUID, bool] = {}
    for record in records:
        payment_id = _uuid(record.payment_id)
        payment = payments.get(payment_id) if payment_id else by_reference.get(record.reference)
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
