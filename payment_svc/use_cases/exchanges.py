"""What was said to providers and by them about a payment: written down beside it, and shown with their webhooks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

import psycopg

from mesh.errors import not_found
from mesh.storage.database import Database
from mesh.telemetry import get_logger
from mesh.worker import Worker
from payment_svc.domain.payment import Payment
from payment_svc.domain.provider_call import Exchange, ProviderCall, Webhook
from payment_svc.metrics import CALLS_UNKEPT
from payment_svc.providers import event_form
from payment_svc.providers.call_log import CallLog
from payment_svc.providers.kept import cleaned
from payment_svc.providers.registry import kept_of
from payment_svc.storage.payments import PaymentRepository
from payment_svc.storage.provider_calls import ProviderCallRepository

log = get_logger(__name__)
_NEVER = (psycopg.DataError, UnicodeError)
"""What PostgreSQL says of a row that it does not take today, nor tomorrow."""
BATCH = 500
INTERVAL_SECONDS = 2.0
"""How often what was heard is written down: one statement, however many payments there were."""


class Exchanges:
    """Writes down what was heard, and tells it."""

    def __init__(
        self, database: Database, payments: PaymentRepository, store: ProviderCallRepository, log: CallLog
    ) -> None:
        self._database = database
        self._payments = payments
        self._store = store
        self._log = log
        self.worker = Worker("provider-call-log", self.step, INTERVAL_SECONDS)

    async def step(self) -> bool:
        """Write down what was heard since the last time; return whether there may be more."""
        calls = self._log.take(BATCH)
        if not calls:
            return False
        try:
            await self._write(calls)
        except BaseException:
            self._log.give_back(calls)
            raise
        return len(calls) == BATCH

    async def _write(self, calls: Sequence[ProviderCall]) -> None:
        async with self._database.session() as session:
            try:
                await self._store.add(session, calls)
            except _NEVER:
                # it would hold up all behind it
                for call in calls:
                    try:
                        await self._store.add(session, [call])
                    except _NEVER as error:
                        CALLS_UNKEPT.inc()
                        log.warning("provider call not kept", payment_id=call.payment_id, error=type(error).__name__)

    async def close(self) -> None:
        """Write down what is left, when nothing more is said."""
        while await self.step():
            pass

    async def of_payment(self, merchant_id: UUID, payment_id: UUID, most: int) -> tuple[list[Exchange], bool]:
        """Return the newest exchanges about a merchant's payment, oldest first, and whether there may be older ones.

        Raises ApiError NOT_FOUND.
        """
        async with self._database.session() as session:
            payment = await self._payments.get(session, merchant_id, payment_id)
            if payment is None:
                raise not_found("payment", str(payment_id))
            calls = await self._store.newest(session, payment_id, most + 1)
            webhooks = await self._store.webhooks(session, payment, most + 1)
            others = await self._store.others(session, payment) if webhooks else []
        bearing = [_of_webhook(one) for one in webhooks if _bears_on(one, payment, others)]
        both = sorted([*map(_of_call, calls), *bearing], key=lambda one: one.time)
        # of the webhooks that were read some are about other payments: behind them may be some of this one
        return both[-most:], max(len(both), len(webhooks)) > most


def _of_call(call: ProviderCall) -> Exchange:
    return Exchange(call.time, call, call.request, call.answer)


def _of_webhook(webhook: Webhook) -> Exchange:
    # why it could not be applied may be what a provider said
    shown = replace(webhook, reason=cleaned(webhook.reason))
    return Exchange(webhook.receive_time, shown, event_form.shown(webhook.payload, kept_of(webhook.provider).event))


def _bears_on(webhook: Webhook, payment: Payment, others: Sequence[UUID]) -> bool:
    """Whether a webhook of the order is about this payment: it is unless it names another one and not this one.

    The timeline knows events by their ids alone, and whoever has an account of their own signs any id: of a payment
    that was tried there as well, what came to the platform's account has to name the payment, or its object.
    """

    def names(payment_id: UUID) -> bool:
        return str(payment_id).encode() in webhook.payload

    if names(payment.payment_id):
        return True
    tried = [one for one in payment.attempts if one.provider == webhook.provider]
    if not webhook.account and any(one.account_id for one in tried):
        objects = [one.provider_reference for one in tried if one.account_id is None and one.provider_reference]
        return any(f'"{one}"'.encode() in webhook.payload for one in objects)
    return not any(map(names, others))
