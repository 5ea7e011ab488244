"""Writes down what is known of payments: facts of providers, how operations ended, and what follows from them.

Everything that follows from a fact is stored in its own transaction: the payment's versions with their events, the ends
of operations, the closing of what is open elsewhere for an order that is paid, and what goes back to the customer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from uuid import UUID

from mesh.errors import not_found
from mesh.events.envelope import OutboxEvent
from mesh.events.unit_of_work import UnitOfWork, UnitsOfWork
from mesh.ids import Clock, NewId, new_id, utc_now
from mesh.storage import idempotency
from mesh.storage.idempotency import Claim
from mesh.telemetry import get_logger
from payment_svc.contract import events as facts
from payment_svc.domain import operation as operation_domain
from payment_svc.domain import payment_transitions as transitions
from payment_svc.domain import schedule
from payment_svc.domain.operation import Lease, Operation, OperationKind, OperationStatus, Requester
from payment_svc.domain.payment import (
    LIVE,
    TERMINAL,
    AmountMismatchError,
    Attempt,
    Fact,
    Failure,
    Payment,
    PaymentStatus,
    Snapshot,
    is_current,
)
from payment_svc.domain.review import About, Resolution, ReviewKind
from payment_svc.metrics import PAYMENTS
from payment_svc.providers.registry import capabilities_of
from payment_svc.storage.operations import OperationRepository
from payment_svc.storage.payments import PaymentRepository
from payment_svc.storage.refunds import RefundRepository
from payment_svc.storage.reviews import ReviewRepository
from payment_svc.use_cases import history_entries as changes
from payment_svc.use_cases.answers import ended
from payment_svc.use_cases.returns import AT_ONCE, Returns
from payment_svc.use_cases.reviews.questions import Questions

log = get_logger(__name__)
ASKED_AFTER = timedelta(hours=1)
"""A person is asked later than this: of what is younger no question can be open."""


@dataclass(frozen=True, slots=True)
class PaymentRepositories:
    """Where what is known of payments stands."""

    payments: PaymentRepository = field(default_factory=PaymentRepository)
    operations: OperationRepository = field(default_factory=OperationRepository)
    refunds: RefundRepository = field(default_factory=RefundRepository)
    reviews: ReviewRepository = field(default_factory=ReviewRepository)


class Ledger:
    """What is known of payments, in the database."""

    def __init__(
        self,
        work: UnitsOfWork,
        repositories: PaymentRepositories,
        *,
        authorization: timedelta | None = None,
        give_back: bool = True,
        clock: Clock = utc_now,
        ids: NewId = new_id,
    ) -> None:
        self.work = work
        self.payments = repositories.payments
        self.operations = repositories.operations
        self.refunds = repositories.refunds
        self.reviews = repositories.reviews
        self.questions = Questions(repositories.reviews, clock=clock, ids=ids)
        self.returns = Returns(self.refunds, self.reviews, self.questions, give_back=give_back, clock=clock, ids=ids)
        self._authorization = authorization
        self._clock = clock
        self._ids = ids

    async def learn(self, payment_id: UUID, fact: Fact, claim: Claim | None = None) -> Payment:
        """Apply a fact, with all that follows from it and the stored answer of the request that it ends.

        Raises ApiError NOT_FOUND, AmountMismatchError when the money differs from ours, ForeignObjectError.
        """
        async with self.work.begin() as unit:
            payment = await self.lock(unit, payment_id)
            payment = await self.save(unit, payment, await self._apply(unit, payment, fact))
            if claim:
                await idempotency.answer(unit.session, claim, payment_id, payment)
        return payment

    async def finish(
        self,
        operation: Operation,
        fact: Fact | None,
        *,
        refusal: Failure | None = None,
        unknown: bool = False,
        claim: Claim | None = None,
        lease: Lease | None = None,
        first_try: bool = False,
    ) -> tuple[Payment, Operation]:
        """Store the answer to an operation: what the provider said of the object, and how the operation stands.

        What the payment shows decides; beside it a `refusal` ends the operation, and an `unknown` outcome leaves it to
        be asked again. With a new version of the payment a `lease` on it is given back. What is known of the
        `first_try` only tells nothing when somebody has tried since. Raises as `learn` does.
        """
        now = self._clock()
        versions: Sequence[Payment] = ()
        async with self.work.begin() as unit:
            locked = self.payments.lock_soon(unit.session, operation.payment_id)
            stands = await self.operations.lock(unit.session, operation.operation_id)
            payment = _there(locked(), operation.payment_id)
            if first_try and (stands is None or stands.sends != operation.sends):
                # somebody else has begun to ask since it was asked by us
                fact, refusal, unknown = None, None, True
            if fact:
                versions = await self._apply(unit, payment, fact)
            shown = versions[-1] if versions else payment
            current = stands or operation
            was_open = current.is_open
            ends = ended(current, shown, None, None) if unknown else ended(current, shown, fact, refusal)
            why = refusal or (fact.snapshot.failure if fact else None)
            current = operation_domain.end(current, ends, now, None if ends == OperationStatus.DONE else why)
            if was_open:
                await self.operations.end(unit.session, current, schedule.wait_after(current.sends))
            # it is over before what follows: what has to be closed is not held up by it
            payment = await self.save(unit, payment, versions, lease.driver if lease else None)
            if was_open:
                await self._close_freed(unit, payment, current)
            if claim:
                await idempotency.answer(unit.session, claim, payment.payment_id, payment)
        if lease and versions:
            lease.is_left = True
        return payment, current

    async def _apply(self, unit: UnitOfWork, payment: Payment, fact: Fact) -> list[Payment]:
        """Return the versions that follow from a fact; none from money of another amount that a person spoke about."""
        try:
            return transitions.apply(payment, fact, self._clock(), self._hold(payment.provider))
        except AmountMismatchError as error:
            if error.received and await self.reviews.is_answered(unit.session, payment.payment_id, error.received):
                return []
            raise

    async def _tried_again(self, unit: UnitOfWork, operation: Operation) -> bool:
        """Whether somebody else has begun to ask since an operation was asked by us."""
        current = await self.operations.lock(unit.session, operation.operation_id)
        return current is None or current.sends != operation.sends

    async def conclude(
        self, operation: Operation, version: int, snapshot: Snapshot, claim: Claim | None = None
    ) -> Payment:
        """Store what follows from silence about a version of a payment; the operation stays to be asked again."""
        now = self._clock()
        async with self.work.begin() as unit:
            payment = await self.lock(unit, operation.payment_id)
            payment = await self.save(unit, payment, transitions.conclude(payment, version, snapshot, now))
            current = operation_domain.end(operation, OperationStatus.UNKNOWN, now)
            await self.operations.end(unit.session, current, schedule.wait_after(operation.sends - 1))
            if claim:
                await idempotency.answer(unit.session, claim, payment.payment_id, payment)
        return payment

    async def move_on(
        self, payment: Payment, operation: Operation, failure: Failure, provider: str, account_id: UUID | None
    ) -> tuple[Payment, Operation] | None:
        """Store the next provider of a payment, before it is asked; None when something else has become known."""
        now = self._clock()
        async with self.work.begin() as unit:
            current = await self.lock(unit, payment.payment_id)
            if current.version != payment.version or current.status not in LIVE:
                return None
            if not payment.is_hosted and await self._tried_again(unit, operation):
                return None
            moved = transitions.move_on(current, provider, failure, now, account_id)
            refused = operation_domain.end(operation, OperationStatus.REFUSED, now, failure)
            await self.operations.end(unit.session, refused)
            following = self.operation(moved, OperationKind.START, Requester.MERCHANT)
            await self.operations.insert(unit.session, following, schedule.CHECKS[1])
            moved = await self.save(unit, current, [moved])
        log.warning(
            "payment moved on",
            payment_id=payment.payment_id,
            order_id=payment.order_id,
            given_up=payment.provider,
            provider=provider,
            reason=failure.message,
        )
        return moved, following

    async def give_up(self, payment_id: UUID) -> bool:
        """End a payment whose page nobody was given; return False when it has one meanwhile. Hold the lease."""
        now = self._clock()
        failure = Failure("provider_unavailable", "the provider opened no page, so nobody can have paid")
        async with self.work.begin() as unit:
            current = await self.lock(unit, payment_id)
            if not current.has_no_page:
                return False
            for one in await self.operations.lock_open(unit.session, payment_id):
                ended = operation_domain.end(one, OperationStatus.REFUSED, now, failure)
                await self.operations.end(unit.session, ended)
            said = Snapshot("", PaymentStatus.FAILED, failure=failure)
            await self.save(unit, current, transitions.apply(current, Fact(current.attempt.number, said), now))
        return True

    async def ask_a_person(self, payment: Payment, kind: ReviewKind, reason: str, about: About) -> None:
        """Put a question to a person, once; the payment NEEDS_REVIEW when its outcome is what is unknown."""
        async with self.work.begin() as unit:
            current = await self.lock(unit, payment.payment_id)
            if kind == ReviewKind.UNKNOWN_OUTCOME:
                verdict = Snapshot(current.provider_reference, PaymentStatus.NEEDS_REVIEW)
                current = await self.save(
                    unit, current, transitions.conclude(current, payment.version, verdict, self._clock())
                )
                if current.status != PaymentStatus.NEEDS_REVIEW:
                    return
            await self.questions.ask(unit, current, kind, reason, about)

    async def lock(self, unit: UnitOfWork, payment_id: UUID) -> Payment:
        """Return a payment and hold its row. Raises ApiError NOT_FOUND."""
        return _there(await self.payments.lock(unit.session, payment_id), payment_id)

    async def save(
        self, unit: UnitOfWork, payment: Payment, versions: Sequence[Payment], leaving: UUID | None = None
    ) -> Payment:
        """Store the versions of a payment, with their events, and what follows from the last one.

        Who is `leaving` gives the lease back. PROCESSING that is passed at once is told, and no change of the row.
        """
        before, checks, steps = payment, [], 1
        for version in versions:
            passing = payment.status == PaymentStatus.INITIATED and version.status == PaymentStatus.PROCESSING
            if not (is_passed := passing and version is not versions[-1]):
                checks.append(self.payments.update_soon(unit.session, version, schedule.wait_after(0), leaving, steps))
            steps = 2 if is_passed else 1
            unit.add(facts.payment_event(version, payment.status), changes.of_payment(version, payment))
            if version.status != payment.status:
                PAYMENTS.labels(version.provider, version.status).inc()
            payment = version
            log.info(
                "payment changed",
                payment_id=payment.payment_id,
                order_id=payment.order_id,
                status=payment.status,
                version=payment.version,
            )
        if versions:
            # which asks, and so has the answers to what was stored
            await self._follow_up(unit, before, payment)
        for check in checks:
            check()
        return payment

    async def put(self, unit: UnitOfWork, before: Payment, after: Payment, *events: OutboxEvent) -> Payment:
        """Store a version that keeps the status, with the events that tell of it; without any, that it was updated.

        Merchants are told of versions one after the other: one without an event would hold up those behind it.
        """
        await self.payments.update(unit.session, after, schedule.wait_after(0))
        for number, event in enumerate(events or (facts.payment_event(after, before.status),)):
            unit.add(event, () if number else changes.of_payment(after, before))
        return after

    def operation(self, payment: Payment, kind: OperationKind, requester: Requester, amount: int = 0) -> Operation:
        """Return a new operation on the payment's attempt under way."""
        now = self._clock()
        return Operation(
            operation_id=self._ids(),
            payment_id=payment.payment_id,
            attempt=payment.attempt.number,
            kind=kind,
            amount=amount or payment.amount.minor,
            status=OperationStatus.SENT,
            sends=1,
            requester=requester,
            failure=None,
            create_time=now,
            update_time=now,
        )

    async def _follow_up(self, unit: UnitOfWork, before: Payment, payment: Payment) -> None:
        """Store what follows from a payment's new state."""
        now = self._clock()
        busy: set[int] = set()
        for one in await self.operations.lock_open(unit.session, payment.payment_id):
            shown = operation_domain.outcome(one, payment)
            if shown and is_current(payment, one.attempt):
                await self.operations.end(unit.session, operation_domain.end(one, shown, now, payment.failure))
            elif one.kind != OperationKind.SETTLE:
                busy.add(one.attempt)
        for attempt in transitions.newly_to_close(before, payment):
            if attempt.number not in busy:
                await self.close(unit, payment, attempt)
        for attempt in payment.attempts:
            if attempt.surplus and not any(a.number == attempt.number and a.surplus for a in before.attempts):
                payment = await self._owe(unit, payment, attempt)
        unknown = (PaymentStatus.NEEDS_REVIEW, PaymentStatus.PROCESSING)
        was_asked = before.status == PaymentStatus.NEEDS_REVIEW or (
            before.status == PaymentStatus.PROCESSING and now - before.create_time > ASKED_AFTER
        )
        if was_asked and payment.status not in unknown:
            answer = Resolution.CAPTURED if payment.status == PaymentStatus.SUCCESS else Resolution.NOT_CAPTURED
            why = "the provider has said how it stands"
            await self.reviews.close(unit.session, payment.payment_id, {ReviewKind.UNKNOWN_OUTCOME}, answer, why)
        if payment.status == PaymentStatus.SUCCESS and before.status != PaymentStatus.SUCCESS:
            await self._paid(unit, before, payment)

    async def _owe(self, unit: UnitOfWork, payment: Payment, attempt: Attempt) -> Payment:
        """Give an attempt's surplus back; what is seen again after it went back is owed no more."""
        if await self.returns.owe(unit, payment, attempt):
            unit.add(facts.surplus_event(payment, returned=False))
            return payment
        after = transitions.return_surplus(payment, attempt.number, self._clock())
        return await self.put(unit, payment, after) if after else payment

    async def _paid(self, unit: UnitOfWork, before: Payment, payment: Payment) -> None:
        """Close what else is open for the order, and ask whether this capture settles it, where that is in doubt.

        So are other captures that are to stay: of two, one settles it.
        """
        others = await self.payments.others_of_order(unit.session, payment)
        for other in others:
            if other.status in LIVE:
                # it may have moved on since it was read, until its row is held
                await self.turn_away(unit, await self.lock(unit, other.payment_id))
            elif other.status == PaymentStatus.SUCCESS and not other.surplus:
                await self.ask_to_settle(unit, other)
        if before.status in TERMINAL or others or payment.unwanted:
            await self.ask_to_settle(unit, payment)

    async def ask_to_settle(self, unit: UnitOfWork, payment: Payment) -> None:
        """Have the order service say whether a capture settles its order; else it goes back."""
        asked = await self.operations.lock_open(unit.session, payment.payment_id)
        known = next((one for one in asked if one.kind == OperationKind.SETTLE), None)
        if known:
            await self.operations.postpone(unit.session, known.operation_id, AT_ONCE)
        else:
            ask = self.operation(payment, OperationKind.SETTLE, Requester.GATEWAY, payment.captured)
            await self.operations.insert(unit.session, ask, AT_ONCE)

    async def turn_away(self, unit: UnitOfWork, payment: Payment) -> None:
        """Note that its order has no use for a payment under way: its object is closed, now or once it has a name.

        The payment is as it stands in its row, which is held.
        """
        if await self.payments.mark_unwanted(unit.session, payment.payment_id):
            taken = await self._busy(unit, payment)
            if payment.attempt.number not in taken:
                await self.close(unit, payment, payment.attempt)

    async def close(self, unit: UnitOfWork, payment: Payment, attempt: Attempt) -> None:
        """Have an attempt's object closed, whatever it holds, so that no money is taken by it any more."""
        one = replace(self.operation(payment, OperationKind.CANCEL, Requester.GATEWAY), attempt=attempt.number)
        await self.operations.insert(unit.session, one, AT_ONCE)

    async def _close_freed(self, unit: UnitOfWork, payment: Payment, ended: Operation) -> None:
        """Have the object closed that could not be while an operation on it was open; that one has just ended.

        A closing of our own that was refused is not begun anew: what a provider refuses once it refuses again.
        """
        ours = ended.kind == OperationKind.CANCEL and ended.requester == Requester.GATEWAY
        if ended.is_open or ended.kind == OperationKind.SETTLE or ours:
            return
        freed = next((attempt for attempt in transitions.to_close(payment) if attempt.number == ended.attempt), None)
        if freed and freed.number not in await self._busy(unit, payment):
            await self.close(unit, payment, freed)

    async def _busy(self, unit: UnitOfWork, payment: Payment) -> set[int]:
        """Return the attempts of which a provider is being asked something."""
        asked = await self.operations.lock_open(unit.session, payment.payment_id)
        return {one.attempt for one in asked if one.kind != OperationKind.SETTLE}

    async def close_again(self, payment: Payment, number: int) -> None:
        """Have an attempt's object closed by a new operation, after the one before was certainly not carried out."""
        async with self.work.begin() as unit:
            current = await self.lock(unit, payment.payment_id)
            attempt = next(a for a in current.attempts if a.number == number)
            await self.close(unit, current, attempt)

    def _hold(self, name: str) -> timedelta | None:
        """Return how long the provider keeps money authorized, or we do where that is shorter."""
        lifetime = capabilities_of(name).authorization_lifetime
        return min(lifetime, self._authorization) if lifetime and self._authorization else lifetime


def _there(payment: Payment | None, payment_id: UUID) -> Payment:
    if payment is None:
        raise not_found("payment", str(payment_id))
    return payment
