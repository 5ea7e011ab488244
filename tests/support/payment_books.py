"""Books of payments and a provider in a test's hands: whatever is stored or asked is kept."""

from __future__ import annotations

import uuid
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from mesh import context
from mesh.money import Money
from payment_svc.domain import refund as refund_domain
from payment_svc.domain.operation import Operation, OperationStatus
from payment_svc.domain.payment import Payment, PaymentStatus, first_attempt
from payment_svc.domain.provider_event import Verdict
from payment_svc.domain.refund import SURPLUS, Refund, RefundStatus
from payment_svc.domain.review import About, ReviewKind
from payment_svc.providers.base import Loss, ProviderEvent
from payment_svc.storage.refunds import Sums
from payment_svc.use_cases.lost_refunds import LostRefunds
from payment_svc.use_cases.returns import Returns
from payment_svc.use_cases.settlements import Settlements
from payment_svc.use_cases.taken_back.disputes import Disputes
from payment_svc.use_cases.taken_back.losses import Losses
from payment_svc.use_cases.taken_back.reversals import Reversals
from tests.support.providers.paypal_api import PAYMENT

S, R, E = PaymentStatus, RefundStatus, OperationStatus
NOW = datetime(2026, 1, 3, tzinfo=UTC)
MOMENT, HOUR = timedelta(microseconds=1), timedelta(hours=1)
FIRST = replace(first_attempt("paypal", NOW), provider_reference="ORDER0", surplus=700)
SECOND = replace(first_attempt("paypal", NOW), number=2, provider_reference="ORDER1")
PAID = replace(PAYMENT, status=S.SUCCESS, captured=1200, attempts=(FIRST, SECOND), create_time=NOW - HOUR)
NEW_ID = uuid.UUID(int=99)
EVENT = ProviderEvent("e1", "reversed", "ORDER1", "", NOW, refund_reference="re_1", loss=Loss.REVERSED)
# a surplus of the gateway's, before it is sent
OWED = Refund(
    NEW_ID, PAID.payment_id, PAID.merchant_id, PAID.order_id, Money(500, "EUR"), R.PENDING, SURPLUS, "", None, 1,
    NOW, NOW, sends=0, is_owed=True,
)  # fmt: skip


class World:
    """Books and a provider in the test's hands; whatever is stored or asked is kept."""

    name = "paypal"

    def __init__(self, payment: Payment = PAID, sums: Sums = Sums(0, 0, 0)) -> None:  # noqa: B008  it is frozen
        self.payment = payment
        self.of_attempts: dict[int | None, Sums] = {None: sums}
        self.gone: list[Any] = []
        self.known: set[Any] = set()
        self.owners: dict[Any, Any] = {}
        self.inserted: list[Any] = []
        self.asked: list[tuple[ReviewKind, About]] = []
        self.changed: list[Any] = []
        self.events: list[Any] = []
        self.verdict = Verdict("APPLIED", "", payment)
        self.taken: Any = []
        self.given: Any = []
        self.since: datetime | None = None
        self.until: datetime | None = None
        self.open_reviews: list[Any] = []
        self.settles: Any = True
        self.others: list[Payment] = []
        self.turned_away: list[Payment] = []
        self.operation: Operation | None = None
        self.ended: list[OperationStatus] = []
        self.locked: list[Any] = []
        self.accepts = True
        self.told: Any = None
        self.payments = self.refunds = self.work = self.questions = self.operations = self.returns_ = self
        me = cast(Any, self)
        clock = {"clock": lambda: NOW, "ids": lambda: NEW_ID}
        self.losses = Losses(me, self.apply_in, **cast(Any, clock))
        self.reversals = Reversals(me, me, self.losses)
        self.returns = Returns(me, me, me, give_back=True, **cast(Any, clock))
        self.settlements = Settlements(me, me, lambda: NOW)
        self.disputes = Disputes(me, me, me, clock=lambda: NOW)
        self.lost = LostRefunds(me, me, self.apply_in, self.losses, lambda: NOW)
        context.enter(context.Call(f"{1:032x}"))

    @asynccontextmanager
    async def begin(self) -> Any:
        """Begin a unit of work."""
        yield self

    @property
    def session(self) -> Any:
        """Its session."""
        return self

    def when_another(self, tell: Any) -> None:
        """Keep who is told."""
        self.told = tell

    def add(self, event: Any, entries: Any = ()) -> None:
        """Keep an event."""
        self.events.append(event.subject.rpartition(".")[2])

    async def apply_event(self, *_: Any) -> Verdict:
        """Apply the event to the payment."""
        return self.verdict

    async def reversals_of(self, _payment: Payment, reference: str) -> Any:
        """Return what was taken back."""
        assert reference in ("re_1", "")
        if isinstance(self.taken, Exception):
            raise self.taken
        return self.taken

    async def given_back(self, payment: Payment, since: datetime, until: datetime | None = None) -> Any:
        """Return what went back."""
        self.since, self.until = since, until
        self.asked_at = payment.provider_reference
        if isinstance(self.given, Exception):
            raise self.given
        return self.given

    async def lock(self, *given: Any) -> Any:
        """Return the payment, the operation, or a dispute."""
        if len(given) == 3:
            return self.locked.pop(0) if self.locked else None
        return self.payment if given[1] == self.payment.payment_id else self.operation

    async def others_of_order(self, _session: Any, _payment: Payment) -> list[Payment]:
        """Return the other payments of the order."""
        return self.others

    async def turn_away(self, _unit: Any, payment: Payment) -> None:
        """Have a payment closed."""
        self.turned_away.append(payment)

    async def find(self, _session: Any, _payment_id: Any, reference: str) -> Any:
        """Return the refund of a name."""
        return NEW_ID if reference in self.known else None

    async def payment_of(self, _session: Any, refund_id: Any) -> Any:
        """Return the payment of a refund."""
        return self.owners.get(refund_id, self.payment.payment_id if refund_id in self.known else None)

    async def written_off(self, _session: Any, payment_id: Any) -> list[Any]:
        """Return what was taken back."""
        assert payment_id == self.payment.payment_id
        return self.gone

    async def ask_of_return(self, _unit: Any, _payment: Payment, refund: Any, dispute: str) -> None:
        """Ask a person."""
        assert dispute
        self.asked.append(refund)

    async def sums(self, _session: Any, _payment_id: Any, attempt: int | None = None) -> Sums:
        """Return what went back."""
        return self.of_attempts.get(attempt, Sums(0, 0, 0))

    async def insert(self, _session: Any, one: Any, *_: Any) -> bool:
        """Store a refund, or a dispute."""
        if self.accepts:
            self.inserted.append(one)
        return self.accepts

    async def update(self, _session: Any, one: Any, *_: Any) -> None:
        """Store a version."""
        self.changed.append(one)

    async def apply_in(self, _unit: Any, refund_id: uuid.UUID, change: refund_domain.Change) -> Refund:
        """Change a refund."""
        refund = next((one for one in reversed(self.inserted) if one.refund_id == refund_id), OWED)
        changed = change(refund, NOW)
        self.changed.append(changed)
        return changed or refund

    async def ask(self, _unit: Any, _payment: Payment, kind: ReviewKind, _reason: str, about: About) -> None:
        """Ask a person."""
        self.asked.append((kind, about))

    async def ask_a_person(self, _payment: Payment, kind: ReviewKind, _reason: str, about: About) -> None:
        """Ask a person."""
        self.asked.append((kind, about))

    async def open_ones(self, _session: Any, _payment_id: Any, kind: ReviewKind) -> list[Any]:
        """Return open questions."""
        assert kind == ReviewKind.SURPLUS_KEPT
        return self.open_reviews

    async def settle(self, _payment: Payment) -> bool:
        """Ask the order."""
        if isinstance(self.settles, Exception):
            raise self.settles
        return bool(self.settles)

    async def end(self, _session: Any, operation: Operation) -> None:
        """End an operation."""
        self.ended.append(operation.status)

    async def put(self, _unit: Any, before: Payment, after: Payment, event: Any) -> None:
        """Store a payment."""
        assert before == self.payment
        self.changed.append(after)
        self.add(event)
