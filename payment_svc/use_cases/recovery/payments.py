"""Recovers payments and operations: lost webhooks, crashes and unknown outcomes heal by themselves.

A payment whose object has a name is looked up. An operation without an answer is asked again. Neither ends by silence.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from mesh.context import Call
from mesh.errors import ApiError
from mesh.ids import Clock, utc_now
from mesh.storage.database import Database
from mesh.telemetry import get_logger
from payment_svc.domain import schedule
from payment_svc.domain.operation import Operation, OperationKind, OperationStatus, Requester
from payment_svc.domain.payment import (
    AmountMismatchError,
    DoubtError,
    Fact,
    Failure,
    ForeignObjectError,
    Payment,
    PaymentStatus,
    Snapshot,
    StaleFactError,
)
from payment_svc.domain.review import About, ReviewKind
from payment_svc.providers.base import ObjectNotFoundError, OutcomeUnknownError, ProviderError
from payment_svc.storage.looks import LookRepository
from payment_svc.storage.payments import DueCheck
from payment_svc.use_cases.accounts import Accounts
from payment_svc.use_cases.answers import check_capturable
from payment_svc.use_cases.ledger import Ledger
from payment_svc.use_cases.operations import Operations
from payment_svc.use_cases.payments import Payments
from payment_svc.use_cases.recovery.loop import recovering
from payment_svc.use_cases.reviews import doubts
from payment_svc.use_cases.settlements import Settlements

log = get_logger(__name__)
CLAIM = timedelta(seconds=150)
"""How long what a process took stays with it: longer than the longest call. When it died, another takes it."""


class PaymentRecovery:
    """Brings open payments in agreement with their providers, on the schedule in `domain/schedule.py`."""

    name = "payment-recovery"

    def __init__(
        self,
        database: Database,
        looks: LookRepository,
        ledger: Ledger,
        operations: Operations,
        accounts: Accounts,
        clock: Clock = utc_now,
    ) -> None:
        self._database = database
        self._ledger = ledger
        self._looks = looks
        self._operations = operations
        self._accounts = accounts
        self._clock = clock

    async def claim(self, limit: int) -> Sequence[DueCheck]:
        """Take payments that are due to be looked up."""
        async with self._database.session() as session:
            return await self._ledger.payments.claim_due(session, CLAIM, limit)

    def call_of(self, item: DueCheck) -> Call:
        """Return the call of a look at a payment."""
        return recovering(item.payment.merchant_id)

    async def check(self, item: DueCheck) -> None:
        """Look a payment up by its name, and void what was not captured in time."""
        payment = item.payment
        try:
            await self._check(payment)
        except AmountMismatchError as error:
            await doubts.put(self._ledger, payment, error)
        except ForeignObjectError as error:
            await doubts.put(self._ledger, payment, error)
            if schedule.is_hopeless(payment, self._clock()):
                await self._ledger.ask_a_person(payment, ReviewKind.UNKNOWN_OUTCOME, str(error), About(payment.amount))
        except (ProviderError, ApiError) as error:
            await self._failed(payment, error)
            raise
        if item.checks > 1:
            # of the first look there is none before that can have failed
            async with self._database.session() as session:
                await self._looks.answer(session, payment.payment_id)

    async def _failed(self, payment: Payment, error: Exception) -> None:
        """Ask a person about a payment that nobody could be asked about for longer than an outage lasts.

        Whatever it waits for: its account may be closed, or its credentials be revoked for good.
        """
        async with self._database.session() as session:
            since = await self._looks.fail(session, payment.payment_id)
        is_asked = payment.status == PaymentStatus.NEEDS_REVIEW
        if since and not is_asked and self._clock() - since > schedule.GIVE_UP:
            words = f"{payment.provider} could not be asked since {since:%Y-%m-%d %H:%M}: {error}"
            await self._ledger.ask_a_person(payment, ReviewKind.UNKNOWN_OUTCOME, words, About(payment.amount))

    async def reschedule(self, item: DueCheck) -> None:
        """Say when to look again: for money that is held at the latest when its time is over."""
        wait = schedule.wait_after(item.checks)
        payment = item.payment
        if payment.status == PaymentStatus.AUTHORIZED and payment.capture_before:
            wait = schedule.wait_beside_deadline(wait, payment.capture_before - self._clock())
        async with self._database.session() as session:
            await self._ledger.payments.schedule(session, payment.payment_id, wait)

    async def _check(self, payment: Payment) -> None:
        if not payment.provider_reference:
            # its start has no answer, which the operation is asked for
            await self._ensure_start(payment)
            return
        if _is_late_to_capture(payment, self._clock()):
            await self._void(payment)
            return
        provider = await self._accounts.of(payment)
        try:
            snapshot = await provider.fetch(payment)
        except ObjectNotFoundError as error:
            await self._not_found(payment, error, provider.capabilities.page_lifetime)
            return
        try:
            await self._operations.sync(payment, Fact(payment.attempt.number, snapshot, payment.version))
        except StaleFactError as error:
            log.info("looked beside an operation, looking again", payment_id=payment.payment_id, reason=str(error))
            return
        works_for = provider.capabilities.works_for
        if schedule.is_hopeless(payment, self._clock(), works_for) and snapshot.status == PaymentStatus.PROCESSING:
            words = f"{payment.provider} has worked on it since {payment.update_time:%Y-%m-%d %H:%M} and does not end"
            await self._ledger.ask_a_person(payment, ReviewKind.UNKNOWN_OUTCOME, words, About(payment.amount))

    async def _void(self, payment: Payment) -> None:
        """Let go what was not captured in time. Raises ProviderError when it is held still, for whatever reason."""
        await self._accounts.of(payment)
        changed, asked = await self._operations.operate(
            payment.payment_id, OperationKind.CANCEL, Requester.GATEWAY, check=check_capturable
        )
        if changed.status == PaymentStatus.AUTHORIZED:
            raise OutcomeUnknownError(asked.failure.message if asked.failure else "it is held beyond its time")

    async def _not_found(self, payment: Payment, error: Exception, page_lifetime: timedelta | None) -> None:
        """An object that is not there proves nothing: the credentials may be another account's by now.

        Where money moves only by our own confirmation, and none was asked for, it cannot have moved: a page that is
        past its time is closed by us.
        """
        log.warning("object not found", payment_id=payment.payment_id, error=repr(error))
        age = self._clock() - payment.create_time
        if page_lifetime and age > page_lifetime and not await self._was_confirmed(payment):
            expired = Failure("expired", "the customer did not pay in time")
            closed = Snapshot("", PaymentStatus.CANCELLED, failure=expired)
            await self._ledger.learn(payment.payment_id, Fact(payment.attempt.number, closed))
        elif schedule.is_hopeless(payment, self._clock()):
            words = f"{payment.provider} does not know {payment.provider_reference}"
            await self._ledger.ask_a_person(payment, ReviewKind.UNKNOWN_OUTCOME, words, About(payment.amount))

    async def _was_confirmed(self, payment: Payment) -> bool:
        async with self._database.session() as session:
            known = await self._ledger.operations.of_payment(session, payment.payment_id)
        refused = OperationStatus.REFUSED
        return any(one.kind == OperationKind.CONFIRM and one.status != refused for one in known)

    async def _ensure_start(self, payment: Payment) -> None:
        """Store the operation that starts a payment, where the version before left none."""
        async with self._database.session() as session:
            known = await self._ledger.operations.of_payment(session, payment.payment_id)
        if not any(one.kind == OperationKind.START for one in known):
            async with self._ledger.work.begin() as unit:
                start = self._ledger.operation(payment, OperationKind.START, Requester.MERCHANT)
                await self._ledger.operations.insert(unit.session, start, timedelta(0))


class OperationRecovery:
    """Asks for the answers that operations have not got."""

    name = "operation-recovery"

    def __init__(
        self,
        database: Database,
        ledger: Ledger,
        operations: Operations,
        payments: Payments,
        settlements: Settlements,
        clock: Clock = utc_now,
    ) -> None:
        self._database = database
        self._ledger = ledger
        self._operations = operations
        self._payments = payments
        self._settlements = settlements
        self._clock = clock

    async def claim(self, limit: int) -> Sequence[Operation]:
        """Take operations that are due to be asked again."""
        async with self._database.session() as session:
            return await self._ledger.operations.claim_due(session, CLAIM, limit)

    def call_of(self, item: Operation) -> Call:
        """Return the call of a look at an operation."""
        del item
        return recovering()

    async def check(self, item: Operation) -> None:
        """Learn how an operation ended."""
        async with self._ledger.work.begin() as unit:
            payment = await self._ledger.lock(unit, item.payment_id)
        try:
            if item.kind == OperationKind.SETTLE:
                await self._settle(payment, item)
            elif item.kind == OperationKind.START and not payment.provider_reference:
                await self._payments.resume(payment)
            else:
                await self._operations.repeat(item)
        except DoubtError as error:
            await doubts.put(self._ledger, payment, error, item.attempt)
        except (ProviderError, ApiError) as error:
            await self._failed(payment, item, error)
            raise

    async def _failed(self, payment: Payment, item: Operation, error: Exception) -> None:
        """Ask a person about an operation that nobody can be asked about; how our own closing ends is no question."""
        is_ours = item.kind == OperationKind.SETTLE or (
            item.kind == OperationKind.CANCEL and item.requester == Requester.GATEWAY
        )
        if not is_ours and self._clock() - item.create_time > schedule.GIVE_UP:
            about = About(payment.money(item.amount), item.attempt)
            words = f"{payment.provider} cannot be asked about {item.kind}: {error}"
            await self._ledger.ask_a_person(payment, ReviewKind.UNKNOWN_OUTCOME, words, about)

    async def reschedule(self, item: Operation) -> None:
        """Say when to ask again, unless it was answered."""
        async with self._database.session() as session:
            wait = schedule.wait_after(item.sends - 1)
            await self._ledger.operations.postpone(session, item.operation_id, wait)

    async def _settle(self, payment: Payment, operation: Operation) -> None:
        async with self._database.session() as session:
            # whatever it meets, it is asked ever more seldom
            if await self._ledger.operations.send(session, operation.operation_id, CLAIM) is None:
                return
        await self._settlements.settle(payment, operation)


def _is_late_to_capture(payment: Payment, now: datetime) -> bool:
    return (
        payment.status == PaymentStatus.AUTHORIZED
        and payment.capture_before is not None
        and payment.capture_before <= now
    )
