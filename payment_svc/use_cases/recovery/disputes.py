"""Looks at open disputes seldom: one whose event never came would stay open here, its time to answer unknown."""

from __future__ import annotations

from collections.abc import Sequence

from mesh.context import Call
from mesh.telemetry import get_logger
from payment_svc.domain.dispute import LOOK_AFTER, Dispute
from payment_svc.domain.payment import Payment, StaleFactError
from payment_svc.providers.base import ObjectNotFoundError
from payment_svc.use_cases.accounts import Accounts
from payment_svc.use_cases.recovery.loop import recovering
from payment_svc.use_cases.taken_back.disputes import Disputes

log = get_logger(__name__)
Due = tuple[Dispute, Payment]


class DisputeRecovery:
    """Brings open disputes in agreement with their providers: a day after the last news, and when their time is up."""

    name = "dispute-recovery"

    def __init__(self, disputes: Disputes, accounts: Accounts) -> None:
        self._disputes = disputes
        self._accounts = accounts

    async def claim(self, limit: int) -> Sequence[Due]:
        """Take disputes that are due; they come again the next day should nobody say otherwise."""
        return await self._disputes.claim_due(LOOK_AFTER, limit)

    def call_of(self, item: Due) -> Call:
        """Return the call of a look at a dispute."""
        return recovering(item[0].merchant_id)

    async def check(self, item: Due) -> None:
        """Ask the accounts that the payment was made with; an event that was faster has told more."""
        dispute, payment = item
        accounts = dict.fromkeys(one.account_id for one in payment.attempts[::-1] if one.provider == dispute.provider)
        for account_id in accounts:
            provider = await self._accounts.by_id(dispute.provider, account_id)
            try:
                snapshot = await provider.fetch_dispute(dispute.provider_reference)
            except ObjectNotFoundError:
                continue
            try:
                await self._disputes.apply_snapshot(dispute.provider, payment, snapshot, dispute.version)
            except StaleFactError as error:
                log.info("looked beside an event", dispute_id=dispute.dispute_id, reason=str(error))
            return
        log.warning("a dispute is not shown any more", dispute_id=dispute.dispute_id)

    async def reschedule(self, item: Due) -> None:
        """Say when to look again: a day later, or when the time to answer is up before that; a change says it anew."""
        await self._disputes.reschedule(item[0])
