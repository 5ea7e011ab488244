"""What recovery does about a payment, an operation and a refund, by what their provider shows and how old they are."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest

from mesh.money import Money
from payment_svc.domain.operation import Operation, OperationKind, OperationStatus, Requester
from payment_svc.domain.payment import (
    AmountMismatchError,
    Fact,
    Failure,
    ForeignObjectError,
    Payment,
    PaymentStatus,
    Received,
    Snapshot,
    StaleFactError,
    first_attempt,
)
from payment_svc.domain.refund import Refund, RefundAmountError, RefundSnapshot, RefundStatus
from payment_svc.domain.review import About, ReviewKind
from payment_svc.providers.base import ObjectNotFoundError
from payment_svc.storage.payments import DueCheck
from payment_svc.storage.refunds import DueRefund
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
PAGE_LIFE = 3 * HOUR


class World:
    """A provider, our books, and whoever works on them, in the test's hands."""

    name = "paypal"

    def __init__(self, payment: Payment = OPEN, known: list[Operation] | None = None) -> None:
        self.payment = payment
        self.known = known or []
        self.shown: Any = Snapshot("ORDER1", S.PROCESSING)
        self.error: Exception | None = None
        self.page_lifetime: timedelta | None = PAGE_LIFE
        self.works_for = GIVE_UP
        self.is_sent = True
        self.is_shown: Any = False
        self.remembered = True
        self.does: list[Any] = []
        self.payments = self.operations = self.refunds = self.work = self.accounts = self
        me = cast(Any, self)
        self.recovery = PaymentRecovery(me, me, me, me, lambda: NOW)
        self.of_operations = OperationRecovery(me, me, me, me, me)
        self.of_refunds = RefundRecovery(me, me, me, me, HOUR)

    @property
    def capabilities(self) -> Any:
        """What the provider can do."""
        return SimpleNamespace(page_lifetime=self.page_lifetime, works_for=self.works_for)

    @asynccontextmanager
    async def session(self) -> Any:
        """Lend nothing."""
        yield self

    begin = session

    async def of(self, _payment: Payment) -> World:
        """Return the provider."""
        return self

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
    ) -> None:
        """Ask a provider."""
        self.does.append((kind, requester, check.__name__))

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

    async def apply_snapshot(self, _refund: Refund, snapshot: RefundSnapshot) -> None:
        """Apply what is known of a refund."""
        self.does.append(snapshot.status)


async def looked(world: World) -> list[Any]:
    await world.recovery.check(DueCheck(world.payment, 1))
    return world.does


@pytest.mark.parametrize("known", [[], [OPERATION], [replace(OPERATION, kind=K.START)]])
async def test_start_of_a_payment_without_a_name_is_asked_for(known: list[Operation]) -> None:
    world = World(replace(OPEN, provider_reference=""), known)
    has_start = any(one.kind == K.START for one in known)
    expected = [] if has_start else [("insert", K.START, Requester.MERCHANT, timedelta(0))]
    assert await looked(world) == expected


HELD = replace(OPEN, status=S.AUTHORIZED)


@pytest.mark.parametrize(
    ("payment", "is_voided"),
    [
        (replace(HELD, capture_before=NOW), True),
        (replace(HELD, capture_before=NOW - MOMENT), True),
        (replace(HELD, capture_before=NOW + MOMENT), False),
        (HELD, False),
        *((replace(OPEN, status=status, capture_before=NOW), False) for status in S if status != S.AUTHORIZED),
    ],
)
async def test_what_is_held_is_voided_when_its_time_is_over(payment: Payment, is_voided: bool) -> None:
    does = await looked(World(payment))
    voids = [(K.CANCEL, Requester.GATEWAY, "check_capturable")]
    assert does == (voids if is_voided else [("sync", 1, S.PROCESSING, payment.version)])


GIVE_UP = 26 * HOUR


@pytest.mark.parametrize("shown", S)
@pytest.mark.parametrize(
    ("age", "status"), [(GIVE_UP, S.PROCESSING), (GIVE_UP + MOMENT, S.PROCESSING), (30 * HOUR, S.INITIATED)]
)
async def test_person_is_asked_about_what_is_worked_on_for_ever(
    age: timedelta, status: PaymentStatus, shown: PaymentStatus
) -> None:
    world = World(replace(OPEN, status=status, update_time=NOW - age))
    world.shown = Snapshot("ORDER1", shown)
    asks = age == GIVE_UP + MOMENT and shown == S.PROCESSING
    sync = ("sync", 1, shown, OPEN.version)
    assert await looked(world) == [sync, *([(ReviewKind.UNKNOWN_OUTCOME, OPEN.amount)] if asks else [])]


EXPIRED = Failure("expired", "the customer did not pay in time")
CLOSED = ("learn", 1, Snapshot("", S.CANCELLED, failure=EXPIRED))


@pytest.mark.parametrize(
    ("age", "lifetime", "confirmed", "does"),
    [
        (PAGE_LIFE, PAGE_LIFE, None, []),
        (PAGE_LIFE + MOMENT, PAGE_LIFE, None, [CLOSED]),
        (PAGE_LIFE + MOMENT, PAGE_LIFE, E.REFUSED, [CLOSED]),
        *((PAGE_LIFE + MOMENT, PAGE_LIFE, status, []) for status in E if status != E.REFUSED),
        (PAGE_LIFE + MOMENT, None, None, []),
        (GIVE_UP, None, None, []),
        (GIVE_UP + MOMENT, None, None, [(ReviewKind.UNKNOWN_OUTCOME, OPEN.amount)]),
        (GIVE_UP + MOMENT, PAGE_LIFE, E.DONE, [(ReviewKind.UNKNOWN_OUTCOME, OPEN.amount)]),
        (GIVE_UP + MOMENT, PAGE_LIFE, None, [CLOSED]),
    ],
)
async def test_object_that_is_not_there_proves_nothing_unless_no_money_can_have_moved(
    age: timedelta, lifetime: timedelta | None, confirmed: OperationStatus | None, does: list[Any]
) -> None:
    known = [replace(OPERATION, kind=K.START), replace(OPERATION, kind=K.CANCEL, status=E.DONE)]
    known += [replace(OPERATION, status=confirmed)] if confirmed else []
    world = World(replace(OPEN, create_time=NOW - age, update_time=NOW - age), known)
    world.shown, world.page_lifetime = ObjectNotFoundError("no such order"), lifetime
    assert await looked(world) == does


@pytest.mark.parametrize(
    ("error", "age", "asks"),
    [
        (StaleFactError("moved on"), GIVE_UP + MOMENT, []),
        (
            AmountMismatchError("odd", Received(1, "paypal", "ORDER1", Money(1, "EUR"), False)),
            GIVE_UP + MOMENT, [ReviewKind.AMOUNT_DIFFERS],
        ),
        (ForeignObjectError("odd", Snapshot("O9", S.SUCCESS, Money(1, "EUR"))), GIVE_UP, [ReviewKind.FOREIGN_CAPTURE]),
        (
            ForeignObjectError("odd", Snapshot("O9", S.SUCCESS, Money(1, "EUR"))), GIVE_UP + MOMENT,
            [ReviewKind.FOREIGN_CAPTURE, ReviewKind.UNKNOWN_OUTCOME],
        ),
    ],
)  # fmt: skip
async def test_what_cannot_be_is_a_persons_business(error: Exception, age: timedelta, asks: list[ReviewKind]) -> None:
    world = World(replace(OPEN, update_time=NOW - age))
    world.error = error
    does = await looked(world)
    assert [kind for kind, *_ in does[1:]] == asks


@pytest.mark.parametrize(
    ("payment", "checks", "wait"),
    [
        (OPEN, 0, timedelta(seconds=5)),
        (OPEN, 1, timedelta(seconds=30)),
        (OPEN, 9, HOUR),
        (replace(HELD, capture_before=NOW + 10 * HOUR), 4, HOUR),
        (replace(HELD, capture_before=NOW + timedelta(minutes=7)), 4, timedelta(minutes=7)),
        (replace(HELD, capture_before=NOW + timedelta(seconds=1)), 4, timedelta(seconds=5)),
        (replace(HELD, capture_before=NOW - timedelta(minutes=7)), 4, timedelta(minutes=7)),
        (replace(OPEN, capture_before=NOW + timedelta(minutes=7)), 4, HOUR),
        (HELD, 4, HOUR),
    ],
)
async def test_look_is_repeated_ever_more_seldom_but_not_after_a_deadline(
    payment: Payment, checks: int, wait: timedelta
) -> None:
    world = World(payment)
    await world.recovery.reschedule(DueCheck(payment, checks))
    assert world.does == [wait]


@pytest.mark.parametrize(
    ("kind", "reference", "is_sent", "does"),
    [
        *((kind, "ORDER1", True, ["repeat"]) for kind in (K.START, K.CONFIRM, K.CAPTURE, K.CANCEL)),
        *((kind, "", True, ["repeat"]) for kind in (K.CONFIRM, K.CAPTURE, K.CANCEL)),
        (K.START, "", True, ["resume"]),
        (K.SETTLE, "ORDER1", True, ["settle"]),
        (K.SETTLE, "", True, ["settle"]),
        (K.SETTLE, "ORDER1", False, []),
    ],
)
async def test_operation_is_asked_for_by_what_it_is(
    kind: OperationKind, reference: str, is_sent: bool, does: list[str]
) -> None:
    world = World(replace(OPEN, provider_reference=reference))
    world.is_sent = is_sent
    await world.of_operations.check(replace(OPERATION, kind=kind))
    assert world.does == does


@pytest.mark.parametrize(("sends", "seconds"), [(0, 5), (1, 5), (2, 30), (3, 120), (9, 3600)])
async def test_operation_is_asked_for_ever_more_seldom(sends: int, seconds: int) -> None:
    world = World()
    await world.of_operations.reschedule(replace(OPERATION, sends=sends))
    assert world.does == [timedelta(seconds=seconds)]


async def test_operation_that_shows_what_cannot_be_is_a_persons_business() -> None:
    world = World()
    world.error = AmountMismatchError("odd", Received(1, "paypal", "ORDER1", Money(1, "EUR"), False))
    await world.of_operations.check(OPERATION)
    assert world.does == ["repeat", (ReviewKind.AMOUNT_DIFFERS, Money(1, "EUR"))]


PAID = replace(OPEN, status=S.SUCCESS, captured=1200)
REFUND = Refund(
    uuid.UUID(int=6), OPEN.payment_id, OPEN.merchant_id, OPEN.order_id, Money(500, "EUR"), RefundStatus.PENDING, "", "",
    None, 1, NOW, NOW,
)  # fmt: skip
ASKS = (ReviewKind.UNKNOWN_REFUND, REFUND.amount)
DIFFERS = RefundAmountError(REFUND, RefundSnapshot("", RefundStatus.SUCCESS, Money(1, "EUR")))


@pytest.mark.parametrize(
    ("status", "reference", "shown", "remembered", "does"),
    [
        (RefundStatus.PENDING, "ORDER1", True, True, []),
        (RefundStatus.PENDING, "ORDER1", False, True, ["repeat"]),
        (RefundStatus.PENDING, "ORDER1", DIFFERS, True, ["asks of amount"]),
        (RefundStatus.PENDING, "ORDER1", False, False, [RefundStatus.NEEDS_REVIEW, ASKS]),
        *((status, "ORDER1", False, False, [ASKS]) for status in RefundStatus if status != RefundStatus.PENDING),
        (RefundStatus.PENDING, "", True, True, [RefundStatus.NEEDS_REVIEW, ASKS]),
        (RefundStatus.PENDING, "review:1", True, True, [RefundStatus.NEEDS_REVIEW, ASKS]),
    ],
)
async def test_refund_is_looked_for_then_asked_for_and_then_a_person_is_asked(
    status: RefundStatus, reference: str, shown: Any, remembered: bool, does: list[Any]
) -> None:
    attempt = replace(ATTEMPT, provider_reference=reference)
    world = World(replace(PAID, provider_reference=reference, attempts=(attempt,)))
    world.is_shown, world.remembered = shown, remembered
    await world.of_refunds.check(DueRefund(replace(REFUND, status=status), 3))
    assert world.does == does


async def test_refund_is_looked_for_ever_more_seldom() -> None:
    world = World()
    for checks, seconds in ((0, 5), (1, 30), (4, 3600), (9, 3600)):
        await world.of_refunds.reschedule(DueRefund(REFUND, checks))
        assert world.does.pop() == timedelta(seconds=seconds)
