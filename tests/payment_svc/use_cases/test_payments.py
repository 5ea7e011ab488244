"""What is asked before anything is stored: repetitions of a capture, and who has an order's place."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import grpc
import pytest

from mesh.errors import ApiError
from mesh.money import Money
from payment_svc.domain.new_payment import NewPayment
from payment_svc.domain.payment import CaptureMethod, Payment, PaymentStatus, Snapshot
from payment_svc.order_port import PayableOrder
from payment_svc.storage import intents
from payment_svc.use_cases.ledger import Ledger, PaymentRepositories
from payment_svc.use_cases.payments import Payments
from payment_svc.use_cases.predecessors import Predecessor, Predecessors
from tests.support.providers.payments import payment_at

S = PaymentStatus
NOW = datetime(2026, 1, 1, tzinfo=UTC)
WAITING = payment_at("stripe", "pi_1")
NOBODY = cast(Any, None)


@pytest.mark.parametrize(
    ("status", "captured", "asked", "answered"),
    [
        (S.SUCCESS, 1200, None, True),
        (S.SUCCESS, 700, 700, True),
        (S.SUCCESS, 700, None, False),
        (S.SUCCESS, 1200, 700, False),
        (S.CANCELLED, 1200, None, False),
        (S.FAILED, 1200, None, False),
        (S.INITIATED, 1200, None, False),
    ],
)
async def test_capture_that_was_made_is_answered_and_no_other_is_made(
    status: PaymentStatus, captured: int, asked: int | None, answered: bool
) -> None:
    runtime = cast(Any, SimpleNamespace(clock=None, ids=None))
    payments = Payments(NOBODY, NOBODY, NOBODY, NOBODY, NOBODY, NOBODY, runtime)
    stored = replace(WAITING, status=status, captured=captured)

    async def get(*_: object) -> Payment:
        return stored

    payments.get = get  # type: ignore[assignment, method-assign]
    found, reason = None, ""
    try:
        found = await payments.capture(stored.merchant_id, stored.payment_id, Money(asked, "EUR") if asked else None)
    except ApiError as error:
        reason = error.reason
    assert (found, reason) == ((stored, "") if answered else (None, "PAYMENT_NOT_CAPTURABLE"))


class Place:
    """An order's place, as the ledger knows it."""

    def __init__(self, waiting: Payment | None, ended: Payment | None, others: Sequence[Payment] = ()) -> None:
        self._waiting, self._ended, self._others = waiting, ended, others
        self.payments = self
        self.looked = False

    @asynccontextmanager
    async def session(self) -> AsyncIterator[None]:
        """Give nothing to run statements by."""
        self.looked = True
        yield

    async def live_of_order(self, *_: object) -> Payment | None:
        """Return who waits."""
        return self._waiting

    async def others_of_order(self, *_: object) -> Sequence[Payment]:
        """Return all that there are."""
        return self._others

    async def read(self, *_: object) -> Payment | None:
        """Return who had the place."""
        return self._ended


HOLDER = uuid.UUID(int=7)


async def before(
    waiting: Payment | None, *, ended: Payment | None = None, found: Payment | None = None,
    holder: uuid.UUID | None = HOLDER, status: str = "PROCESSING", **new: Any,
) -> Predecessor | str | None:  # fmt: skip
    place = Place(waiting, ended)
    asked = NewPayment(WAITING.merchant_id, WAITING.order_id, "", "", "", "", CaptureMethod.AUTOMATIC, **new)
    order = PayableOrder(WAITING.order_id, WAITING.amount, "", status, NOW, holder)
    made = Predecessors(cast(Any, place), NOBODY, NOBODY, cast(Any, place), lambda: NOW, uuid.uuid4)

    async def find(*_: object) -> Payment | None:
        return found

    made._find = find  # type: ignore[assignment, method-assign]
    try:
        return await made.before(asked, order)
    except ApiError as error:
        return error.metadata.get("payment_id", error.reason)


def at(status: PaymentStatus, redirect_url: str = "") -> Payment:
    return replace(WAITING, status=status, redirect_url=redirect_url)


@pytest.mark.parametrize(
    ("status", "page", "closes", "replaced"),
    [
        (S.REQUIRES_ACTION, "", False, True),
        (S.REQUIRES_ACTION, "https://page.example", True, True),
        (S.INITIATED, "https://page.example", True, True),
        (S.INITIATED, "https://page.example", False, False),
        (S.INITIATED, "", True, False),
        (S.PROCESSING, "https://page.example", True, False),
        (S.AUTHORIZED, "https://page.example", True, False),
    ],
)
async def test_place_is_given_up_by_who_waits_for_the_customer(
    status: PaymentStatus, page: str, closes: bool, replaced: bool
) -> None:
    waiting = at(status, page)
    assert await before(waiting, closes_page=closes) == (
        Predecessor(waiting.payment_id, waiting) if replaced else str(waiting.payment_id)
    )


async def test_place_is_lost_found_or_about_to_be_free() -> None:
    waits = at(S.REQUIRES_ACTION)
    assert await before(None) == Predecessor(HOLDER, None)
    assert await before(None, found=waits) == Predecessor(waits.payment_id, waits)
    assert await before(None, ended=at(S.FAILED)) == Predecessor(HOLDER, None)
    assert await before(None, ended=replace(at(S.SUCCESS), surplus=True)) == Predecessor(HOLDER, None)
    assert await before(None, found=at(S.CANCELLED)) == Predecessor(HOLDER, None)
    assert await before(None, found=at(S.SUCCESS)) == str(WAITING.payment_id)
    assert await before(None, holder=None) == "PAYMENT_IN_PROGRESS"
    assert await before(replace(waits, merchant_id=uuid.UUID(int=99))) is None
    assert await before(waits, status="NEW") is None


def one_of(number: int, status: PaymentStatus, merchant_id: uuid.UUID = WAITING.merchant_id) -> Payment:
    """Return another payment of the order, the later the higher its number."""
    return replace(at(status), payment_id=uuid.UUID(int=number), merchant_id=merchant_id)


STRANGER = uuid.UUID(int=99)


@pytest.mark.parametrize(
    ("others", "told"),
    [
        ([one_of(7, S.PROCESSING)], (7, "PROCESSING")),
        ([one_of(6, S.FAILED), one_of(7, S.PROCESSING)], (7, "PROCESSING")),
        # whoever had the place has ended by now: the last one that began
        ([one_of(7, S.CANCELLED), one_of(6, S.FAILED)], (7, "CANCELLED")),
        ([one_of(7, S.PROCESSING, STRANGER)], None),
        ([one_of(7, S.PROCESSING, STRANGER), one_of(6, S.FAILED)], (6, "FAILED")),
    ],
)
async def test_who_comes_at_the_same_moment_is_told_who_had_the_place(
    others: list[Payment], told: tuple[int, str] | None
) -> None:
    violation: Any = SimpleNamespace(diag=SimpleNamespace(constraint_name="uq_payments_live_order"))
    place: Any = Place(None, None, others)
    error = await Predecessors(place, NOBODY, NOBODY, place, lambda: NOW, uuid.uuid4).taken(WAITING, violation)
    of_order = {"order_id": str(WAITING.order_id)}
    which = {"payment_id": str(uuid.UUID(int=told[0])), "status": told[1]} if told else {}
    assert (error.reason, error.metadata) == ("PAYMENT_IN_PROGRESS", of_order | which)
    assert ("repeat the request" in error.message) is (told is not None and told[1] != "PROCESSING")


async def test_payment_that_somebody_works_on_is_named_to_who_would_take_its_place() -> None:
    runtime = cast(Any, SimpleNamespace(clock=None, ids=None, background=Busy()))
    payments = Payments(NOBODY, cast(Any, Busy()), NOBODY, NOBODY, NOBODY, NOBODY, runtime)
    with pytest.raises(ApiError) as refused:
        await payments.give_up(at(S.INITIATED))
    assert (refused.value.reason, refused.value.metadata["payment_id"]) == (
        "PAYMENT_IN_PROGRESS",
        str(WAITING.payment_id),
    )


class Busy:
    """Operations of which somebody else makes those of any payment."""

    async def shielded(self, work: Any) -> None:
        """Do something to its end."""
        await work

    @asynccontextmanager
    async def driving(self, _payment_id: uuid.UUID) -> AsyncIterator[bool]:
        """Give no turn."""
        yield False


class FoundError(Exception):
    """What was to be stored is known."""


@pytest.mark.parametrize(
    ("status", "amount", "method"),
    [
        (S.SUCCESS, 1200, CaptureMethod.AUTOMATIC),
        (S.SUCCESS, None, CaptureMethod.AUTOMATIC),
        (S.SUCCESS, 700, CaptureMethod.MANUAL),
        (S.AUTHORIZED, 1200, CaptureMethod.MANUAL),
        (S.AUTHORIZED, None, CaptureMethod.MANUAL),
    ],
)
async def test_lost_payment_is_written_down_as_it_was_begun(
    status: PaymentStatus, amount: int | None, method: CaptureMethod, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[CaptureMethod] = []

    async def store(_session: object, first: Any, *_: object, **__: object) -> None:
        seen.append(first.payment.capture_method)
        raise FoundError

    monkeypatch.setattr(intents, "store", store)
    place: Any = Place(None, None)
    work = cast(Any, SimpleNamespace(statement=place.session))
    ledger = Ledger(work, PaymentRepositories(), clock=lambda: NOW, ids=uuid.uuid4)
    made = Predecessors(ledger, NOBODY, NOBODY, place, lambda: NOW, uuid.uuid4)
    shown = Snapshot("pi_1", status, Money(amount, "EUR") if amount else None)
    with pytest.raises(FoundError):
        await made._write_down(WAITING, shown)
    assert seen == [method]


@pytest.mark.parametrize("status", ["EXPIRED", "CANCELLED", "PROCESSING", "SUCCESS", "FAILED"])
async def test_repetition_is_answered_whatever_has_become_of_its_order(status: str) -> None:
    record = cast(Any, object())
    orders = SimpleNamespace(get=lambda _id: answered(PayableOrder(WAITING.order_id, WAITING.amount, "", status, NOW)))
    runtime = cast(Any, SimpleNamespace(clock=lambda: NOW, ids=uuid.uuid4))
    payments = Payments(NOBODY, NOBODY, cast(Any, orders), NOBODY, NOBODY, NOBODY, runtime)
    payments._find = lambda _claim: answered(record)  # type: ignore[assignment, method-assign]
    asked = NewPayment(WAITING.merchant_id, WAITING.order_id, "", "", "", "", CaptureMethod.AUTOMATIC)
    assert await payments._intend(asked, None) is record


@pytest.mark.parametrize(
    ("code", "told"),
    [
        (grpc.StatusCode.FAILED_PRECONDITION, "PAYMENT_IN_PROGRESS"),
        (grpc.StatusCode.UNAVAILABLE, "WHY"),
        (grpc.StatusCode.ABORTED, "WHY"),
    ],
)
async def test_outage_while_another_payment_is_closed_is_told_as_that(code: grpc.StatusCode, told: str) -> None:
    """It was told as a refusal, which nobody tries again, with the address of a page that might be closed."""
    runtime = cast(Any, SimpleNamespace(clock=None, ids=None))
    payments = Payments(NOBODY, NOBODY, NOBODY, NOBODY, NOBODY, NOBODY, runtime)

    async def operate(*_: object) -> Payment:
        raise ApiError(code, "WHY", "why")

    payments._operate = operate  # type: ignore[assignment, method-assign]
    with pytest.raises(ApiError) as refused:
        await payments._close(at(S.REQUIRES_ACTION))
    assert refused.value.reason == told


@pytest.mark.parametrize(("named", "is_free"), [("", True), (str(uuid.UUID(int=8)), True), (None, False)])
async def test_key_of_what_may_be_stored_is_handed_over_and_an_outage_stays_what_is_told(
    named: str | None, is_free: bool
) -> None:
    """Freed, the key of a payment that was stored made the repetition a second one; and the outage lost its id."""
    left: list[bool] = []
    runtime = cast(Any, SimpleNamespace(clock=None, ids=None))
    payments = Payments(NOBODY, NOBODY, NOBODY, NOBODY, NOBODY, NOBODY, runtime)
    payment = at(S.INITIATED)
    where = {"payment_id": str(payment.payment_id) if named is None else named}
    error = ApiError(grpc.StatusCode.UNAVAILABLE, "DATABASE_UNAVAILABLE", "away", where)

    async def close(*_: object) -> None:
        raise error

    async def leave(_claim: object, _payment: Payment, *, is_free: bool) -> None:
        left.append(is_free)

    payments._close, payments._leave = close, leave  # type: ignore[assignment, method-assign]
    with pytest.raises(ApiError) as told:
        await payments._store(payment, Predecessor(WAITING.payment_id, WAITING), uuid.uuid4(), None)
    assert (told.value, left) == (error, [is_free])


async def test_key_that_cannot_be_left_ends_by_itself() -> None:
    class Away:
        @asynccontextmanager
        async def session(self) -> AsyncIterator[None]:
            raise ApiError(grpc.StatusCode.UNAVAILABLE, "DATABASE_UNAVAILABLE", "away")
            yield

    runtime = cast(Any, SimpleNamespace(clock=None, ids=None))
    payments = Payments(NOBODY, NOBODY, NOBODY, NOBODY, NOBODY, cast(Any, Away()), runtime)
    await payments._leave(cast(Any, object()), at(S.INITIATED), is_free=True)


async def answered(value: Any) -> Any:
    return value
