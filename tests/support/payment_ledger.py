"""A ledger on a database of the test's own, and what of it tests look at."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import timedelta
from typing import Any

from mesh.events.unit_of_work import UnitsOfWork
from mesh.money import Money
from mesh.storage.database import Database
from payment_svc.domain.operation import Operation, OperationKind, OperationStatus, Requester
from payment_svc.domain.payment import (
    Fact,
    Failure,
    Payment,
    PaymentStatus,
    Snapshot,
)
from payment_svc.storage.operations import OperationRepository
from payment_svc.use_cases.ledger import Books, Ledger
from tests.simulation.storage import Store
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
        self.ledger = Ledger(work, Books(), clock=lambda: self.now, ids=lambda: uuid.UUID(int=next(numbers)))

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
