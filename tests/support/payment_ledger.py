"""A ledger on a database of the test's own, what of it tests look at, and refunds on it."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast

from mesh.events.unit_of_work import UnitsOfWork
from mesh.money import Money
from mesh.storage.database import Database
from mesh.storage.idempotency import Claim, Record
from payment_svc.domain.new_refund import NewRefund
from payment_svc.domain.operation import Operation, OperationKind, OperationStatus, Requester
from payment_svc.domain.payment import (
    Fact,
    Failure,
    Payment,
    PaymentStatus,
    Snapshot,
)
from payment_svc.domain.refund import Refund, RefundSnapshot, RefundStatus
from payment_svc.providers.base import AmountNotSupportedError, Capabilities
from payment_svc.storage.operations import OperationRepository
from payment_svc.use_cases.ledger import Ledger, PaymentRepositories
from payment_svc.use_cases.refunds import Refunds
from tests.support.databases.simulated import Store
from tests.support.payment_rows import store_payments
from tests.support.rows import MINE, NOW

S, K, E, R = PaymentStatus, OperationKind, OperationStatus, Requester
EUR12 = Money(1200, "EUR")
HOUR = timedelta(hours=1)


class World:
    """A ledger on a database, and what of it a test looks at."""

    def __init__(self, database: Database, store: Store) -> None:
        self.database = database
        self.store = store
        numbers = iter(range(0x100, 0x200))
        self.now = NOW
        work = UnitsOfWork(database, lambda _rows: None)
        self.ledger = Ledger(
            work, PaymentRepositories(), clock=lambda: self.now, ids=lambda: uuid.UUID(int=next(numbers))
        )

    async def put(self, payment: Payment, *operations: Operation) -> None:
        """Store a payment and operations on it."""
        async with self.database.session() as session:
            await store_payments(session, payment)
            for one in operations:
                await OperationRepository().insert(session, one, HOUR if one.is_open else None)  # type: ignore[arg-type]

    async def payment(self, key: uuid.UUID = MINE) -> Payment:
        """Return a payment as it is."""
        async with self.database.session() as session:
            found = await self.ledger.payments.read(session, key)
        assert found
        return found

    def asked(self) -> list[tuple[Any, ...]]:
        """Return what is or was asked, but for when."""
        rows = self.store.rows(
            "SELECT kind, attempt, status, requester, amount_minor FROM operations ORDER BY create_time, operation_id"
        )
        return [tuple(row) for row in rows]

    def events(self) -> list[str]:
        """Return what merchants are told."""
        return [row.subject.rpartition(".")[2] for row in self.store.rows("SELECT subject FROM outbox ORDER BY seq")]

    def questions(self) -> list[tuple[Any, ...]]:
        """Return what persons are asked."""
        return [
            tuple(row)
            for row in self.store.rows("SELECT kind, amount_minor, resolution FROM reviews ORDER BY review_id")
        ]


def operation(kind: OperationKind, key: int = 1, **changes: Any) -> Operation:
    made = Operation(
        uuid.UUID(int=key), MINE, 1, kind, 1200, E.SENT, 1, R.MERCHANT, None, NOW, NOW
    )  # fmt: skip
    return replace(made, **changes)


def fact(status: PaymentStatus, failure: Failure | None = None, *, attempt: int = 1, **more: Any) -> Fact:
    return Fact(attempt, Snapshot("pi_m", status, EUR12, failure=failure), **more)


ABLE = Capabilities(True, "", None, True, True, True, True)


class Gateway(World):
    """Refunds on a ledger, and a provider in the test's hands."""

    name = "stripe"

    def __init__(self, database: Database, store: Store) -> None:
        super().__init__(database, store)
        self.answer: Any = RefundSnapshot("re_1", RefundStatus.SUCCESS, None)
        self.shown: Any = None
        self.capabilities = ABLE
        self.asked_for: list[tuple[int, int]] = []
        self.takes = True
        numbers = iter(range(0x500, 0x600))

        async def shielded(work: Any) -> Any:
            return await work

        async def of(_payment: Payment) -> Any:
            return self

        runtime = SimpleNamespace(
            background=SimpleNamespace(shielded=shielded), first_check=timedelta(minutes=1),
            clock=lambda: self.now, ids=lambda: uuid.UUID(int=next(numbers)),
        )  # fmt: skip
        self.refunds = Refunds(database, self.ledger, cast(Any, SimpleNamespace(of=of)), cast(Any, runtime))

    def check_amount(self, _amount: Money) -> None:
        """Refuse what it does not take."""
        if not self.takes:
            raise AmountNotSupportedError("no such amount")

    async def refund(self, _at: Payment, refund: Refund) -> RefundSnapshot:
        """Give money back."""
        self.asked_for.append((refund.amount.minor, refund.sends))
        if isinstance(self.answer, Exception):
            raise self.answer
        return cast(RefundSnapshot, self.answer)

    async def fetch_refund(self, _at: Payment, _refund: Refund) -> Any:
        """Show a refund."""
        if isinstance(self.shown, Exception):
            raise self.shown
        return self.shown

    async def create(self, minor: int | None = 500, claim: Claim | None = None, **changes: Any) -> Refund | Record:
        """Give money back."""
        amount = None if minor is None else Money(minor, "EUR")
        return await self.refunds.create(replace(NewRefund(MINE, MINE, amount, "broken"), **changes), claim)

    def stored(self) -> list[tuple[Any, ...]]:
        """Return the refunds as they are."""
        return [
            tuple(row) for row in self.store.rows("SELECT amount_minor, status, sends FROM refunds ORDER BY refund_id")
        ]
