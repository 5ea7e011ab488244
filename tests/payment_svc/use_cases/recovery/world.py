"""A provider, our books, and whoever works on them, in the hands of a test of recovery."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

from mesh.money import Money
from payment_svc.domain.operation import Operation, OperationKind, OperationStatus, Requester
from payment_svc.domain.payment import (
    Fact,
    Failure,
    Payment,
    PaymentStatus,
    Snapshot,
    first_attempt,
)
from payment_svc.domain.refund import Refund, RefundAmountError, RefundSnapshot, RefundStatus
from payment_svc.domain.review import About, ReviewKind
from payment_svc.storage.payments import DueCheck
from payment_svc.use_cases.recovery.payments import CLAIM, OperationRecovery, PaymentRecovery
from payment_svc.use_cases.recovery.refunds import RefundRecovery
from tests.support.providers.paypal_api import PAYMENT

S, K, E = PaymentStatus, OperationKind, OperationStatus
NOW = datetime(2026, 1, 3, tzinfo=UTC)
MOMENT, HOUR = timedelta(microseconds=1), timedelta(hours=1)
ATTEMPT = replace(first_attempt("paypal", NOW), provider_reference="ORDER1")
OPEN = replace(PAYMENT, attempts=(ATTEMPT,), create_time=NOW - HOUR, update_time=NOW - HOUR)
OPERATION = Operation(
    uuid.UUID(int=5), PAYMENT.payment_id, 1, K.CONFIRM, 1200, E.UNKNOWN, 1, Requester.GATEWAY, None, NOW, NOW
)
REFUND = Refund(
    uuid.UUID(int=6), OPEN.payment_id, OPEN.merchant_id, OPEN.order_id, Money(500, "EUR"), RefundStatus.PENDING, "", "",
    None, 1, NOW, NOW,
)  # fmt: skip
DIFFERS = RefundAmountError(REFUND, RefundSnapshot("", RefundStatus.SUCCESS, Money(1, "EUR")))
PAGE_LIFE = 3 * HOUR
GIVE_UP = 26 * HOUR


class World:
    """A provider, our books, and whoever works on them, in the test's hands."""

    name = "paypal"

    def __init__(self, payment: Payment = OPEN, known: list[Operation] | None = None) -> None:
        self.payment = payment
        self.known = known or []
        self.shown: Any = Snapshot("ORDER1", S.PROCESSING)
        self.error: Exception | None = None
        self.page_lifetime: timedelta | None = PAGE_LIFE
        self.account_error: Exception | None = None
        self.failing_since: datetime | None = NOW
        self.voided: Payment | None = None
        self.works_for = GIVE_UP
        self.is_sent = True
        self.is_shown: Any = False
        self.remembered = True
        self.repeatable_for = 23 * HOUR
        self.has_ended: RefundStatus | None = None
        self.now = NOW
        self.does: list[Any] = []
        self.payments = self.operations = self.refunds = self.work = self.accounts = self
        me = cast(Any, self)
        self.recovery = PaymentRecovery(me, me, me, me, me, lambda: NOW)
        self.of_operations = OperationRecovery(me, me, me, me, me, lambda: NOW)
        self.of_refunds = RefundRecovery(me, me, me, me, me, HOUR, lambda: self.now)

    @property
    def capabilities(self) -> Any:
        """What the provider can do."""
        return SimpleNamespace(
            page_lifetime=self.page_lifetime, works_for=self.works_for, repeatable_for=self.repeatable_for
        )

    @asynccontextmanager
    async def session(self) -> Any:
        """Lend nothing."""
        yield self

    begin = session

    async def of(self, _payment: Payment) -> World:
        """Return the provider."""
        if self.account_error:
            raise self.account_error
        return self

    async def fail(self, _session: Any, _payment_id: uuid.UUID) -> datetime | None:
        """Note that a look has failed."""
        self.does.append("failed")
        self.failing_since = self.failing_since or self.now
        return self.failing_since

    async def answer(self, _session: Any, _payment_id: uuid.UUID) -> None:
        """Note that a look was answered."""
        self.does.append("answered")
        self.failing_since = None

    async def lock(self, _unit: Any, _payment_id: uuid.UUID) -> Payment:
        """Return the payment."""
        return self.payment

    async def fetch(self, _payment: Payment) -> Snapshot:
        """Return what the provider shows."""
        if isinstance(self.shown, Exception):
            raise self.shown
        return cast(Snapshot, self.shown)

    async def sync(self, _payment: Payment, fact: Fact) -> None:
        """Apply a fact."""
        self.does.append(("sync", fact.attempt, fact.snapshot.status, fact.seen))
        if self.error:
            raise self.error

    async def learn(self, _payment_id: uuid.UUID, fact: Fact) -> None:
        """Apply a fact."""
        self.does.append(("learn", fact.attempt, fact.snapshot))

    async def operate(
        self, payment_id: uuid.UUID, kind: OperationKind, requester: Requester, *, check: Callable[..., None]
    ) -> tuple[Payment, Operation]:
        """Ask a provider."""
        self.does.append((kind, requester, check.__name__))
        failure = Failure("provider_unavailable", "no longer ours")
        return self.voided or replace(self.payment, status=S.CANCELLED), replace(OPERATION, failure=failure)

    async def ask_a_person(self, _payment: Payment, kind: ReviewKind, _words: str, about: About) -> None:
        """Ask a person."""
        self.does.append((kind, about.amount))

    async def of_payment(self, _session: Any, _payment_id: uuid.UUID) -> list[Operation]:
        """Return the operations."""
        return self.known

    def operation(self, _payment: Payment, kind: OperationKind, requester: Requester) -> Operation:
        """Return one."""
        return replace(OPERATION, kind=kind, requester=requester)

    async def insert(self, _session: Any, one: Operation, wait: timedelta) -> None:
        """Store one."""
        self.does.append(("insert", one.kind, one.requester, wait))

    async def schedule(self, _session: Any, _id: uuid.UUID, wait: timedelta) -> None:
        """Say when to look again."""
        self.does.append(wait)

    postpone = schedule

    async def resume(self, _payment: Payment) -> None:
        """Go on with a start."""
        self.does.append("resume")

    async def repeat(self, *_: Any) -> None:
        """Ask again."""
        self.does.append("repeat")
        if self.error:
            raise self.error

    async def send(self, _session: Any, _id: uuid.UUID, lease: timedelta) -> Operation | None:
        """Count a try."""
        assert lease == CLAIM
        return OPERATION if self.is_sent else None

    async def settle(self, _payment: Payment, _operation: Operation) -> None:
        """Ask the order."""
        self.does.append("settle")
        if self.error:
            raise self.error

    async def look(self, _payment: Payment, _refund: Refund) -> bool:
        """Look at a refund."""
        if isinstance(self.is_shown, Exception):
            raise self.is_shown
        return bool(self.is_shown)

    async def ask_of_amount(self, _refund: Refund, _error: Exception) -> None:
        """Ask a person."""
        self.does.append("asks of amount")

    def is_remembered(self, _provider: Any, _refund: Refund) -> bool:
        """Whether the key is."""
        return self.remembered

    async def apply_snapshot(self, refund: Refund, snapshot: RefundSnapshot) -> Refund:
        """Apply what is known of a refund, unless it has ended meanwhile."""
        self.does.append(snapshot.status)
        return replace(refund, status=self.has_ended or snapshot.status)


async def looked(world: World) -> list[Any]:
    await world.recovery.check(DueCheck(world.payment, 1))
    return world.does
