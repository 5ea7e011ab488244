"""Refunds that the provider shows and that are not known here: lost with a restore, or made at the provider.

Before a refund of a payment from before a restore is made, the provider is asked for what it has given back of it.
What is not known here is written down, under its own id where it carries one of ours, and counts. The request may be a
repetition of the one that made it, whose key is lost as well: while keys live, a request for the same amount is
answered with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from mesh.errors import unavailable
from mesh.events.unit_of_work import UnitOfWork
from mesh.ids import Clock, made_at, parse_uuid
from mesh.storage.database import Database, Session
from mesh.telemetry import get_logger
from payment_svc.contract import events as facts
from payment_svc.domain import refund as refund_domain
from payment_svc.domain.clocks import CLOCK_SKEW
from payment_svc.domain.new_refund import pending
from payment_svc.domain.payment import Payment
from payment_svc.domain.refund import GivenBack, Refund, RefundSnapshot, RefundStatus
from payment_svc.providers.base import ProviderError
from payment_svc.providers.resilience import ResilientProvider
from payment_svc.storage import restores
from payment_svc.storage.restores import Restore
from payment_svc.use_cases import history_entries as changes
from payment_svc.use_cases.answers import at_attempt
from payment_svc.use_cases.ledger import Ledger
from payment_svc.use_cases.taken_back.losses import ELSEWHERE, ApplyIn, Losses, whole

log = get_logger(__name__)
REASON = "found at the provider after a restore"
IN_FLIGHT = timedelta(minutes=10)
"""How long after a restore what was asked for before it may still be made."""
KEYS_LIVE = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Booked:
    """How many refunds were written down, and why others do not fit: a person is asked about each of those."""

    refunds: int = 0
    differing: tuple[str, ...] = ()


class LostRefunds:
    """Finds what was given back and is not known here."""

    def __init__(self, ledger: Ledger, database: Database, apply_in: ApplyIn, losses: Losses, clock: Clock) -> None:
        self._ledger = ledger
        self._losses = losses
        self._apply_in = apply_in
        self._clock = clock
        self._restore: Restore | None = None
        self._is_read = False
        database.when_another(self._forget)

    def _forget(self) -> None:
        self._is_read = False

    async def restore_of(self, session: Session, payment: Payment) -> Restore | None:
        """Return the restore that may have lost refunds of a payment; None for one that came later."""
        if not self._is_read:
            self._restore, self._is_read = await restores.last(session), True
        restore = self._restore
        return restore if restore and payment.create_time < restore.restore_time + CLOCK_SKEW else None

    async def bring_forward(
        self, payment: Payment, provider: ResilientProvider, restore: Restore, attempt: int | None = None
    ) -> Sequence[GivenBack]:
        """Write down what the provider has given back of a payment, or of an attempt's surplus, and is not known here.

        Return all that it shows. Raises ApiError UNAVAILABLE while the provider does not say.
        """
        at = at_attempt(payment, attempt) if attempt else payment
        # what came later is written down here
        given = await given_back_of(at, provider, restore.backup_time - CLOCK_SKEW, restore.restore_time + IN_FLIGHT)
        await self.write_down(payment, given, attempt)
        return given

    async def recount(self, payment: Payment, refund: Refund, provider: ResilientProvider) -> Refund:
        """Return what the gateway owes less what had gone back before a restore, before it is sent for the first time.

        Raises ApiError UNAVAILABLE while the provider does not say.
        """
        if refund.sends or not refund.is_owed:
            return refund
        async with self._ledger.work.begin() as unit:
            restore = await self.restore_of(unit.session, payment)
        if restore is None:
            return refund
        given = await self.bring_forward(payment, provider, restore, refund.attempt)
        own = next((one.snapshot for one in given if one.refund_id == str(refund.refund_id)), None)
        async with self._ledger.work.begin() as unit:
            if own:
                # it was sent before the restore
                return await self._apply_in(unit, refund.refund_id, _shown(own))
            payment = await self._ledger.lock(unit, payment.payment_id)
            taken = (await self._ledger.refunds.sums(unit.session, payment.payment_id, refund.attempt)).taken
            # a surplus that was found given back, all of it, has ended: nothing is left then
            left = whole(payment, refund.attempt) - (taken - refund.amount.minor)
            return await self._apply_in(unit, refund.refund_id, lambda one, now: refund_domain.reduce(one, left, now))

    async def same(self, session: Session, payment: Payment, amount: int, restore: Restore) -> UUID | None:
        """Return a refund that a request may be a repetition of, whose key is lost."""
        if self._clock() > restore.restore_time + KEYS_LIVE:
            return None
        span = (restore.backup_time - CLOCK_SKEW, restore.restore_time + CLOCK_SKEW)
        return await restores.unclaimed(session, payment.payment_id, amount, *span)

    async def write_down(self, payment: Payment, given: Sequence[GivenBack], attempt: int | None) -> Booked:
        """Write down what the provider shows of a payment, or of an attempt's surplus, and is not known here.

        What carries an id of ours was lost here. What carries none, or one that cannot be of this payment, was made at
        the provider. A person is asked about what does not fit.
        """
        booked, why = 0, []
        if not given:
            return Booked()
        async with self._ledger.work.begin() as unit:
            current = await self._ledger.lock(unit, payment.payment_id)
            for one in given:
                if one.snapshot.amount is None or await self._losses.is_known(unit, current, one.snapshot.reference):
                    continue
                refund_id = _id_of_ours(one, current, self._clock())
                owner = await self._ledger.refunds.payment_of(unit.session, refund_id) if refund_id else None
                if owner == current.payment_id:
                    continue
                if refund_id and owner is None:
                    reason = await self._write_ours(unit, current, refund_id, one.snapshot, attempt)
                elif one.snapshot.status == RefundStatus.FAILED:
                    # nobody here asked for it, and nothing came of it
                    continue
                else:
                    reason = await self._losses.record(unit, current, one.snapshot, ELSEWHERE, attempt)
                if reason:
                    why.append(reason)
                    continue
                booked += 1
                log.warning("a refund was found", reference=one.snapshot.reference, payment_id=current.payment_id)
        return Booked(booked, tuple(why))

    async def _write_ours(
        self, unit: UnitOfWork, payment: Payment, refund_id: UUID, snapshot: RefundSnapshot, attempt: int | None
    ) -> str:
        """Write down what carries an id of ours; return why not where it does not fit: anybody can write such an id."""
        assert snapshot.amount is not None
        if why := await self._losses.differs(unit, payment, snapshot, ELSEWHERE, attempt):
            return why
        refund = replace(
            pending(payment, snapshot.amount, REASON, refund_id, made_at(refund_id)),
            provider_reference=snapshot.reference,
            update_time=self._clock(),
            attempt=attempt,
            # all that goes back of an attempt's surplus is owed: what fails of it is a person's business
            is_owed=attempt is not None,
        )
        await self._ledger.refunds.insert(unit.session, refund, timedelta(0))
        unit.add(facts.refund_event(refund), [changes.of_refund(refund)])
        await self._apply_in(unit, refund_id, _shown(snapshot))
        return ""


async def given_back_of(
    payment: Payment, provider: ResilientProvider, since: datetime, until: datetime | None = None
) -> Sequence[GivenBack]:
    """Ask a provider what it has given back of a payment.

    Raises ApiError UNAVAILABLE, reason PROVIDER_UNAVAILABLE, while it does not say.
    """
    try:
        return await provider.given_back(payment, since, until)
    except ProviderError as error:
        words = f"{provider.name} does not say what it has given back of this payment; repeat the call"
        raise unavailable("PROVIDER_UNAVAILABLE", words) from error


def _id_of_ours(shown: GivenBack, payment: Payment, now: datetime) -> UUID | None:
    """Return the id that a refund carries, as long as it was made since the payment was: ids of ours tell their time.

    Whoever owns an account can write anything on a refund there.
    """
    refund_id = parse_uuid(shown.refund_id)
    made = (refund_id.int >> 80) / 1000 if refund_id else 0
    is_timely = (payment.create_time - CLOCK_SKEW).timestamp() <= made <= (now + CLOCK_SKEW).timestamp()
    return refund_id if is_timely else None


def _shown(snapshot: RefundSnapshot) -> refund_domain.Change:
    return lambda refund, now: refund_domain.apply(refund, snapshot, now)
