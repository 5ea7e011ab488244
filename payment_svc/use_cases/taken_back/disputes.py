"""The use cases of disputes: opened, updated and closed as the provider's own dispute says."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

from mesh.errors import not_found
from mesh.events.unit_of_work import UnitOfWork
from mesh.ids import Clock, derived_id, utc_now
from mesh.storage.database import Database
from mesh.storage.listing import SLACK, Listing
from mesh.telemetry import alert, get_logger
from payment_svc.contract import events as facts
from payment_svc.domain import dispute as dispute_domain
from payment_svc.domain.dispute import Dispute, DisputeSnapshot, DisputeStatus
from payment_svc.domain.payment import Payment, StaleFactError
from payment_svc.domain.refund import Refund
from payment_svc.metrics import PAYMENT_DISPUTED
from payment_svc.storage.disputes import DisputeRepository
from payment_svc.use_cases import history_entries as changes
from payment_svc.use_cases.ledger import Ledger
from payment_svc.use_cases.taken_back.losses import REVERSED

log = get_logger(__name__)


class Disputes:
    """Keeps disputes in agreement with their providers, and shows them."""

    def __init__(
        self,
        database: Database,
        store: DisputeRepository,
        ledger: Ledger,
        *,
        clock: Clock = utc_now,
    ) -> None:
        self._database = database
        self._store = store
        self._ledger = ledger
        self._clock = clock

    async def get(self, merchant_id: UUID, dispute_id: UUID) -> Dispute:
        """Return a merchant's dispute. Raises ApiError NOT_FOUND."""
        async with self._database.session() as session:
            dispute = await self._store.get(session, merchant_id, dispute_id)
        if dispute is None:
            raise not_found("dispute", str(dispute_id))
        return dispute

    async def page(self, listing: Listing, *, after: UUID | None, limit: int) -> list[Dispute]:
        """Return a page of a merchant's disputes."""
        async with self._database.session() as session:
            return await self._store.page(session, listing, after=after, limit=limit)

    async def version(self, provider: str, reference: str) -> int:
        """Return the version of the dispute behind a provider's object, to be seen before that is looked at."""
        async with self._database.session() as session:
            return await self._store.version(session, provider, reference)

    async def apply_snapshot(self, provider: str, payment: Payment, snapshot: DisputeSnapshot, seen: int) -> Dispute:
        """Apply what a provider, of whichever attempt, says of a dispute, in one transaction with its events.

        What is known is absorbed. `seen` is the dispute's version before it was looked at. Raises StaleFactError when
        it has changed since: what was seen may be older than that, and the step back to it a legal one.
        """
        async with self._ledger.work.begin() as unit:
            now = self._clock()
            current = await self._store.lock(unit.session, provider, snapshot.reference)
            if current is None:
                current = self._opened(provider, payment, snapshot)
                if not await self._store.insert(unit.session, current, dispute_domain.look_after(current, now)):
                    # opened by somebody else at this moment: theirs is visible once the insert has waited for it
                    current = await self._store.lock(unit.session, provider, snapshot.reference) or current
                else:
                    self._publish(unit, current)
                    alert(PAYMENT_DISPUTED, log, payment_id=payment.payment_id, dispute_id=current.dispute_id)
                    seen = current.version
            changed = dispute_domain.apply(current, snapshot, now)
            if changed and current.version != seen:
                raise StaleFactError(f"looked at in version {seen}, and the dispute is at {current.version}")
            if changed:
                await self._store.update(unit.session, changed, dispute_domain.look_after(changed, now))
                self._publish(unit, changed)
                if changed.status == DisputeStatus.WON != current.status:
                    await self._ask_for_what_is_gone(unit, payment, changed)
        return changed or current

    async def claim_due(self, lease: timedelta, limit: int) -> list[tuple[Dispute, Payment]]:
        """Take open disputes that are due to be looked at, with their payments."""
        async with self._database.session() as session:
            due = await self._store.claim_due(session, lease, limit)
            found = await self._ledger.payments.by_ids(session, [one.payment_id for one in due])
        payments = {one.payment_id: one for one in found}
        return [(one, payments[one.payment_id]) for one in due]

    async def reschedule(self, dispute: Dispute) -> None:
        """Say when a dispute that was looked at is looked at again, unless it has changed."""
        async with self._database.session() as session:
            await self._store.schedule(session, dispute, dispute_domain.look_after(dispute, self._clock()))

    async def _ask_for_what_is_gone(self, unit: UnitOfWork, payment: Payment, won: Dispute) -> None:
        """Ask a person about what was taken back for it: who wins has it back, and no object says so."""
        written = await self._ledger.refunds.written_off(unit.session, payment.payment_id)
        gone = [one for one in written if _may_be_for(won, one)]
        if gone:
            current = await self._ledger.lock(unit, payment.payment_id)
            for one in gone:
                await self._ledger.questions.ask_of_return(unit, current, one, won.provider_reference)

    def _opened(self, provider: str, payment: Payment, snapshot: DisputeSnapshot) -> Dispute:
        """Return the dispute as it was opened, whatever became of it since: merchants hear of the opening first."""
        now = self._clock()
        accounts = [str(one.account_id or "") for one in payment.attempts if one.provider == provider]
        begun = snapshot.create_time or payment.create_time
        opened = Dispute(
            # found anew after a restore it is the same one; lists find its time by its id's
            dispute_id=derived_id(min(begun, now + SLACK), provider, accounts[-1], snapshot.reference),
            payment_id=payment.payment_id,
            merchant_id=payment.merchant_id,
            order_id=payment.order_id,
            merchant_order_id=payment.merchant_order_id,
            provider=provider,
            provider_reference=snapshot.reference,
            amount=snapshot.amount,
            status=snapshot.status,
            reason=snapshot.reason,
            respond_before=snapshot.respond_before,
            version=1,
            create_time=min(begun, now),
            update_time=now,
        )
        opened = dispute_domain.move_money(opened, snapshot, now)
        decided = snapshot.status in dispute_domain.DECIDED
        return replace(opened, status=DisputeStatus.UNDER_REVIEW) if decided else opened

    def _publish(self, unit: UnitOfWork, dispute: Dispute) -> None:
        unit.add(facts.dispute_event(dispute), [changes.of_dispute(dispute)])
        log.info(
            "dispute changed",
            dispute_id=dispute.dispute_id,
            payment_id=dispute.payment_id,
            order_id=dispute.order_id,
            status=dispute.status,
            version=dispute.version,
        )


def _may_be_for(dispute: Dispute, gone: Refund) -> bool:
    """Whether a dispute can be why money was taken back: nothing of it names the dispute, and a person is asked.

    What was gone before it was opened was taken for another one; how much it is says nothing, as a provider that takes
    money back without naming an amount is understood to take all.
    """
    return gone.reason == REVERSED and gone.create_time >= dispute.create_time - SLACK
