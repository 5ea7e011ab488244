"""Asks providers, one operation at a time, and learns what came of it.

Before a byte is sent the operation is stored, with a key of its own. Whoever holds the lease on the payment makes the
call. An answer ends the operation. Without one it is asked again under the same key, for as long as the provider
remembers that key; then a person is asked. Silence and absence end nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from psycopg.errors import UniqueViolation

from mesh.ids import Clock, NewId, new_id, utc_now
from mesh.storage.database import Database
from mesh.storage.idempotency import Claim
from mesh.telemetry import get_logger
from payment_svc.domain import operation as operation_domain
from payment_svc.domain.operation import Lease, Operation, OperationKind, OperationStatus, Requester, Timing
from payment_svc.domain.payment import DoubtError, Fact, Failure, Payment, PaymentStatus, Snapshot, is_current
from payment_svc.domain.review import About, ReviewKind
from payment_svc.providers.base import (
    ObjectNotFoundError,
    OutcomeUnknownError,
    ProviderError,
    RejectedError,
    UnavailableError,
)
from payment_svc.providers.resilience import ResilientProvider, patience
from payment_svc.use_cases.accounts import Accounts
from payment_svc.use_cases.answers import (
    LAPSED,
    ask,
    asked_already,
    at_attempt,
    look,
    require_processing,
    reworded,
    shows_undone,
    tells,
    worked_on,
)
from payment_svc.use_cases.ledger import Ledger
from payment_svc.use_cases.reviews import doubts

log = get_logger(__name__)
POLL_SECONDS = 0.1


class Operations:
    """Makes calls that move money."""

    def __init__(
        self,
        database: Database,
        ledger: Ledger,
        accounts: Accounts,
        timing: Timing,
        *,
        clock: Clock = utc_now,
        ids: NewId = new_id,
    ) -> None:
        self._database = database
        self._ledger = ledger
        self._accounts = accounts
        self._timing = timing
        self._clock = clock
        self._ids = ids

    @property
    def lease(self) -> timedelta:
        """How long who stores a new payment may take for its first call."""
        return self._timing.lease

    @asynccontextmanager
    async def driving(self, payment_id: UUID, *, wait: bool = False, patient: bool = False) -> AsyncIterator[bool]:
        """Hold the lease on a payment, by the database's clock; yield False when somebody else has it.

        With `wait` it is waited for; with `patient` it is for calls that may take long. Raises ApiError UNAVAILABLE.
        """
        driver = self._ids()
        taken = await self._take(
            payment_id, driver, wait=wait, lease=self._timing.patient_lease if patient else self.lease
        )
        try:
            yield taken
        finally:
            if taken:
                await self._leave(payment_id, driver)

    @asynccontextmanager
    async def driven(self, payment_id: UUID, lease: Lease) -> AsyncIterator[None]:
        """Work under the lease that a payment was stored with, and give it back, unless that was done on the way."""
        try:
            yield
        finally:
            if not lease.is_left:
                await self._leave(payment_id, lease.driver)

    async def is_free(self, payment_id: UUID) -> bool:
        """Whether nobody works on a payment at this moment."""
        async with self._database.session() as session:
            return await self._ledger.operations.is_free(session, payment_id)

    async def _leave(self, payment_id: UUID, driver: UUID) -> None:
        async with self._database.session() as session:
            await self._ledger.operations.leave(session, payment_id, driver)

    async def _take(self, payment_id: UUID, driver: UUID, *, wait: bool, lease: timedelta) -> bool:
        tries = int(self._timing.wait_seconds / POLL_SECONDS) if wait else 1
        for left in range(tries, 0, -1):
            async with self._database.session() as session:
                if await self._ledger.operations.take(session, payment_id, driver, lease):
                    return True
            if left > 1:
                await asyncio.sleep(POLL_SECONDS)
        return False

    async def begin(
        self,
        payment_id: UUID,
        kind: OperationKind,
        requester: Requester,
        amount: int = 0,
        check: Callable[[Payment], None] = lambda _: None,
    ) -> tuple[Payment, Operation]:
        """Store an operation that is about to be asked; the same one that is open already is asked again.

        One that has been done already is returned as it ended, and not stored.
        `check` raises what speaks against it, of the payment as it is now. Raises ApiError FAILED_PRECONDITION, reason
        OPERATION_IN_PROGRESS, when another one is open on the same object, of whichever attempt at it.
        """
        ledger, is_busy = self._ledger, False
        try:
            async with ledger.work.begin() as unit:
                payment = await ledger.lock(unit, payment_id)
                wanted = ledger.operation(payment, kind, requester, amount)
                for one in await ledger.operations.lock_open(unit.session, payment_id):
                    if one.kind == OperationKind.SETTLE or not is_current(payment, one.attempt):
                        continue
                    is_busy = True
                    if (one.kind, one.amount) == (kind, wanted.amount):
                        again = await ledger.operations.send(unit.session, one.operation_id, self._timing.patient_lease)
                        return payment, again or one
                if operation_domain.outcome(wanted, payment) == OperationStatus.DONE:
                    # it was done meanwhile, by whoever asked for it before
                    return payment, operation_domain.end(wanted, OperationStatus.DONE, self._clock())
                check(payment)
                if is_busy:
                    raise asked_already(payment_id)
                await ledger.operations.insert(unit.session, wanted, self._timing.patient_lease)
        except UniqueViolation:
            raise asked_already(payment_id) from None
        return payment, wanted

    async def execute(
        self, payment: Payment, operation: Operation, claim: Claim | None = None, lease: Lease | None = None
    ) -> tuple[Payment, Operation]:
        """Ask the provider, and store what came of it; what has ended is not asked. Hold the lease.

        A `lease` may be given back in the transaction that stores the answer. What cannot be is a person's business,
        and the operation stays open. Raises ApiError NOT_FOUND.
        """
        if not operation.is_open:
            return payment, operation
        while True:
            at = at_attempt(payment, operation.attempt)
            provider = await self._accounts.by_id(at.provider, at.account_id)
            try:
                snapshot = await ask(provider, at, operation)
            except RejectedError as error:
                return await self._refused(provider, at, operation, error.failure, claim)
            except UnavailableError as error:
                failure = Failure("provider_unavailable", f"try again later: {error}")
                moved = await self._not_sent(payment, operation, failure, claim)
            except ProviderError as error:
                moved = await self._unknown(payment, operation, error, claim)
            else:
                fact = Fact(operation.attempt, reworded(snapshot, at, operation))
                return await self._finish(payment, operation, fact, None, claim, lease)
            if not isinstance(moved, _Moved):
                return moved
            payment, operation = moved.payment, moved.operation

    async def sync(self, payment: Payment, fact: Fact) -> Payment:
        """Apply a fact, and take the money where the customer has approved that. Raises as the ledger's `learn` does.

        The payment is PROCESSING before the money is asked for: from then on nobody can cancel it.
        """
        changed = await self._ledger.learn(payment.payment_id, fact)
        if not fact.snapshot.approved or changed.status != PaymentStatus.PROCESSING or changed.unwanted:
            return changed
        async with self.driving(payment.payment_id) as free:
            if not free:
                return changed
            changed, confirmation = await self.begin(
                payment.payment_id, OperationKind.CONFIRM, Requester.GATEWAY, check=require_processing
            )
            changed, _ = await self.execute(changed, confirmation)
        return changed

    async def operate(
        self,
        payment_id: UUID,
        kind: OperationKind,
        requester: Requester,
        amount: int = 0,
        check: Callable[[Payment], None] = lambda _: None,
    ) -> tuple[Payment, Operation]:
        """Have a provider do something about a payment once nobody else works on it; return how that ended.

        Raises ApiError as `begin` does, and ABORTED, reason OPERATION_IN_PROGRESS, while somebody else works on it.
        """
        async with self.driving(payment_id, wait=True) as free:
            if not free:
                raise worked_on(payment_id)
            return await self.execute(*await self.begin(payment_id, kind, requester, amount, check))

    async def repeat(self, operation: Operation) -> None:
        """Learn how an open operation ended: by what its object shows, else by asking again under the same key.

        Nothing is counted while somebody else works on the payment.
        """
        async with self.driving(operation.payment_id, patient=True) as free:
            if not free:
                return await self._postpone(operation)
            payment = await self._get(operation.payment_id)
            at = at_attempt(payment, operation.attempt)
            provider = await self._accounts.by_id(at.provider, at.account_id)
            with patience(self._timing.patient.total_seconds()):
                known, is_forgotten = await self._look(provider, at, operation), self._is_forgotten(provider, operation)
                if known is not None:
                    lapsed = LAPSED if is_forgotten and shows_undone(known) else None
                    current = await self._conclude(payment, operation, known, lapsed)
                    if not current.is_open:
                        return None
                if is_forgotten:
                    return await self._give_up(payment, operation)
                async with self._database.session() as session:
                    sent = await self._ledger.operations.send(
                        session, operation.operation_id, self._timing.patient_lease
                    )
                if sent:
                    await self.execute(await self._get(operation.payment_id), sent)
        return None

    async def _conclude(self, payment: Payment, operation: Operation, known: Fact, lapsed: Failure | None) -> Operation:
        """End an operation by what its object shows, where that tells. What we owe ourselves is then begun anew."""
        unknown = lapsed is None and not tells(operation, known)
        _, current = await self._ledger.finish(operation, known, refusal=lapsed, unknown=unknown)
        ours = operation.kind == OperationKind.CANCEL and operation.requester == Requester.GATEWAY
        if lapsed and ours and current.status == OperationStatus.REFUSED:
            await self._ledger.close_again(payment, operation.attempt)
        return current

    async def _finish(
        self,
        payment: Payment,
        operation: Operation,
        fact: Fact | None,
        refusal: Failure | None,
        claim: Claim | None,
        lease: Lease | None = None,
    ) -> tuple[Payment, Operation]:
        """Store what came of a call; of what cannot be a person is asked, and the operation is asked again."""
        try:
            return await self._ledger.finish(operation, fact, refusal=refusal, claim=claim, lease=lease)
        except DoubtError as error:
            await doubts.put(self._ledger, payment, error, operation.attempt)
            return await self._waits(payment, operation, claim)

    async def _refused(
        self, provider: ResilientProvider, at: Payment, operation: Operation, failure: Failure, claim: Claim | None
    ) -> tuple[Payment, Operation]:
        """Store a refusal. A provider refuses what has moved on as well, so what its object shows now is asked for.

        So it is of a charge that was sent before: what this try was refused for may be that an earlier one did it.
        """
        is_charge = operation.kind in (OperationKind.START, OperationKind.CONFIRM)
        said: Fact | None = None
        if not is_charge or (operation.sends > 1 and not at.has_no_page):
            try:
                said = await look(provider, at, operation)
            except ProviderError:
                if operation.sends > 1:
                    return await self._waits(at, operation, claim)
        if is_charge and said and not (operation.kind == OperationKind.CONFIRM and shows_undone(said)):
            return await self._finish(at, operation, said, None, claim)
        if is_charge:
            ended = Snapshot("", PaymentStatus.FAILED, failure=failure)
            return await self._ledger.finish(operation, Fact(operation.attempt, ended), refusal=failure, claim=claim)
        return await self._finish(at, operation, said, failure, claim)

    async def _not_sent(
        self, payment: Payment, operation: Operation, failure: Failure, claim: Claim | None
    ) -> tuple[Payment, Operation] | _Moved:
        """Store that nothing was done: certain only of the first try, and of a page whose address nobody was given."""
        if operation.kind == OperationKind.START and (moved := await self._move_on(payment, operation, failure)):
            return moved
        if operation.sends > 1:
            return await self._ledger.finish(operation, None, unknown=True, claim=claim)
        if operation.kind == OperationKind.START:
            ended = Snapshot("", PaymentStatus.FAILED, failure=failure)
            fact = Fact(operation.attempt, ended)
            return await self._ledger.finish(operation, fact, refusal=failure, claim=claim, first_try=True)
        return await self._ledger.finish(operation, None, refusal=failure, claim=claim, first_try=True)

    async def _unknown(
        self, payment: Payment, operation: Operation, error: ProviderError, claim: Claim | None
    ) -> tuple[Payment, Operation] | _Moved:
        if operation.kind == OperationKind.CONFIRM and isinstance(error, ObjectNotFoundError):
            # of what is not there this try took nothing; what becomes of the object a look at it tells
            failure = Failure("not_done", "the provider knows no such object")
            return await self._not_sent(payment, operation, failure, claim)
        log.warning("outcome unknown", payment_id=payment.payment_id, operation=str(operation.kind), error=repr(error))
        if operation.kind == OperationKind.START:
            failure = Failure("provider_unavailable", f"try again later: {error}")
            if payment.is_hosted and (moved := await self._move_on(payment, operation, failure)):
                return moved
        return await self._waits(payment, operation, claim)

    async def _waits(self, payment: Payment, operation: Operation, claim: Claim | None) -> tuple[Payment, Operation]:
        """Store that it is not known how an operation ended: it is asked again."""
        if operation.kind == OperationKind.START:
            waiting = Snapshot(payment.provider_reference, PaymentStatus.PROCESSING)
            return await self._ledger.conclude(operation, payment.version, waiting, claim), operation
        return await self._ledger.finish(operation, None, unknown=True, claim=claim)

    async def _move_on(self, payment: Payment, operation: Operation, failure: Failure) -> _Moved | None:
        """Take the payment to the next provider of its route, while it is certain that nobody was charged.

        A customer cannot have paid on a page whose address was never given out; a direct charge is certain not to have
        happened only when the provider was not reached, and that only at the first time.
        """
        certain = operation.sends == 1 or (payment.is_hosted and not payment.provider_reference)
        if not certain or payment.attempt.number != operation.attempt:
            return None
        following = await self._accounts.following(payment)
        if following is None:
            return None
        moved = await self._ledger.move_on(payment, operation, failure, following.name, following.account_id)
        return _Moved(*moved) if moved else None

    async def _look(self, provider: ResilientProvider, at: Payment, operation: Operation) -> Fact | None:
        """Return what the object shows, where it has a name; a charge without an answer has none yet."""
        try:
            is_lost = operation.kind == OperationKind.START and self._is_forgotten(provider, operation)
            if at.provider_reference or is_lost:
                return await look(provider, at, operation)
        except (ObjectNotFoundError, UnavailableError, OutcomeUnknownError) as error:
            log.info("nothing learned", payment_id=at.payment_id, error=repr(error))
        return None

    def _is_forgotten(self, provider: ResilientProvider, operation: Operation) -> bool:
        """Whether the provider may know the key no more: asked again, it would do the same once more."""
        return self._clock() - operation.create_time >= provider.capabilities.repeatable_for

    async def _give_up(self, payment: Payment, operation: Operation) -> None:
        if operation.kind == OperationKind.CANCEL and operation.requester == Requester.GATEWAY:
            return await self._close_or_wait(payment, operation)
        if operation.kind == OperationKind.START and await self._ledger.give_up(payment.payment_id):
            # nobody was given its page, so nobody can have paid on it
            return None
        words = f"{operation.kind} at {payment.provider} had no answer for as long as its key is remembered"
        about = About(payment.money(operation.amount), operation.attempt)
        await self._ledger.ask_a_person(payment, ReviewKind.UNKNOWN_OUTCOME, words, about)
        return await self._postpone(operation, timedelta(hours=1))

    async def _close_or_wait(self, payment: Payment, operation: Operation) -> None:
        """Wait until an object can be closed; that it is not yet is no question about its payment."""
        at = at_attempt(payment, operation.attempt)
        provider = await self._accounts.by_id(at.provider, at.account_id)
        try:
            await provider.fetch(at)
        except ObjectNotFoundError:
            # nothing is there that could be closed, and nothing of ours is under way any more
            await self._ledger.finish(operation, None, refusal=LAPSED)
        else:
            await self._postpone(operation, timedelta(hours=1))

    async def _postpone(self, operation: Operation, wait: timedelta = timedelta(seconds=5)) -> None:
        async with self._database.session() as session:
            await self._ledger.operations.postpone(session, operation.operation_id, wait)

    async def _get(self, payment_id: UUID) -> Payment:
        async with self._ledger.work.begin() as unit:
            return await self._ledger.lock(unit, payment_id)


@dataclass(frozen=True, slots=True)
class _Moved:
    """A payment that goes on at another provider, and the operation that starts it there."""

    payment: Payment
    operation: Operation
