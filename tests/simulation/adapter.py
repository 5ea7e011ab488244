"""Between the gateway and a book: a network on which requests and answers are late, lost, repeated and cut off."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

from mesh.ids import Clock
from mesh.money import Money
from payment_svc.domain.payment import Payment, PaymentStatus, Snapshot
from payment_svc.domain.reconciliation import ProviderRecord
from payment_svc.domain.refund import GivenBack, Refund, RefundSnapshot, RefundStatus
from payment_svc.providers.base import (
    CredentialsRefusedError,
    Loss,
    OutcomeUnknownError,
    ProviderError,
    ProviderEvent,
    UnavailableError,
)
from tests.simulation.book import Book, State, StrangerError

ResultT = TypeVar("ResultT")
NEVER = timedelta(days=365).total_seconds()


@dataclass
class Trip:
    """What happens to one request."""

    is_refused: bool = False
    """It never leaves: no connection, or too many requests."""
    way_there: float = 0.0
    is_lost: bool = False
    work: float = 0.0
    breaks: bool = False
    """It is carried out, and the answer is an error that says nothing (5xx)."""
    way_back: float = 0.0
    is_answer_lost: bool = False
    is_cut: bool = False
    """Where something is lost, the connection breaks at once, rather than staying silent."""


@dataclass
class _Key:
    """A request that the provider remembers by its idempotency key."""

    time: float
    is_running: bool = True
    answer: Any = None
    error: ProviderError | None = None


@dataclass
class Service:
    """A provider's servers: the book behind idempotency keys, and the network before them."""

    book: Book
    trip: Callable[[str, str], Trip]
    """Decides what happens to a request, by the provider and what is asked."""
    say: Callable[[str], None]
    spawn: Callable[[Any], Any]
    """Runs something outside of any process of the gateway."""
    keys: dict[str, _Key] = field(default_factory=dict)
    revoked: set[str] = field(default_factory=set)
    """Credentials that it takes no more."""
    hook: UUID | None = None
    """Which account of the gateway its events are sent for; none: the platform's."""

    async def ask(self, operation: str, key: str, work: Callable[[], ResultT]) -> ResultT:
        """Send a request, and return the answer if one comes."""
        trip = self.trip(self.book.name, operation)
        if trip.is_refused:
            raise UnavailableError(f"{self.book.name} is not reached")
        answered: asyncio.Future[ResultT] = asyncio.get_running_loop().create_future()
        self.spawn(self._serve(operation, key, work, trip, answered))
        return await answered

    async def _serve(
        self, operation: str, key: str, work: Callable[[], Any], trip: Trip, answered: asyncio.Future[Any]
    ) -> None:
        await asyncio.sleep(trip.way_there)
        if trip.is_lost:
            self._lose(answered, trip)
            return
        try:
            answer = await self._carry_out(operation, key, work, trip)
            error: ProviderError | None = OutcomeUnknownError("500") if trip.breaks else None
        except ProviderError as refused:
            answer, error = None, refused
        await asyncio.sleep(trip.way_back)
        if trip.is_answer_lost:
            self._lose(answered, trip)
        elif not answered.done():
            answered.set_exception(error) if error else answered.set_result(answer)

    def _lose(self, answered: asyncio.Future[Any], trip: Trip) -> None:
        if trip.is_cut and not answered.done():
            answered.set_exception(OutcomeUnknownError("the connection was cut"))

    async def _carry_out(self, operation: str, key: str, work: Callable[[], Any], trip: Trip) -> Any:
        now = asyncio.get_running_loop().time()
        if not key:
            await asyncio.sleep(trip.work)
            return work()
        known = self.keys.get(key)
        if known and now - known.time < self.book.capabilities.key_retention.total_seconds():
            if known.is_running:
                raise OutcomeUnknownError("409: a request under this key is running")
            if known.error:
                raise known.error
            return known.answer
        known = self.keys[key] = _Key(now)
        await asyncio.sleep(trip.work)
        try:
            known.answer = work()
        except StrangerError:
            del self.keys[key]
            raise
        except ProviderError as error:
            known.error = error
            raise
        finally:
            known.is_running = False
            self.say(f"{operation} under {key}: {known.error or known.answer}")
        return known.answer


class SimulatedProvider:
    """A `Provider`, as one process of the gateway has it."""

    def __init__(
        self,
        service: Service,
        breathe: Callable[[], Any],
        clock: Clock,
        slow_refund: Callable[[], bool],
        key: str = "",
    ) -> None:
        self._service = service
        self._key = key
        self._book = service.book
        self._breathe = breathe
        self._clock = clock
        self._slow_refund = slow_refund
        self.name = service.book.name
        self.capabilities = service.book.capabilities

    async def identity(self) -> str:
        """Say whose account it is."""
        return await self._ask("identity", "", lambda: self._book.account)

    def check_amount(self, amount: Money) -> None:
        """Take any amount."""

    async def start(self, payment: Payment) -> Snapshot:
        """Create the object."""
        key = f"{payment.payment_id}:{payment.attempt.number}:start"
        return await self._ask("start", key, lambda: self._book.create(payment))

    async def fetch(self, payment: Payment) -> Snapshot:
        """Show the object."""
        reference = payment.provider_reference
        return await self._ask("fetch", "", lambda: self._book.fetch(reference))

    async def find(self, payment: Payment) -> Snapshot | None:
        """Look for the object by our metadata; an approving provider shows the one that the key made."""
        if self._book.is_approving:
            if payment.status == PaymentStatus.INITIATED or self._is_forgotten(payment):
                return None
            return await self.start(payment)

        def look() -> Snapshot | None:
            mine = [t for t in self._book.things.values() if t.payment_id == str(payment.payment_id)]
            return self._book.show(mine[0]) if mine and not self._book.has_forgotten_account else None

        return await self._ask("find", "", look)

    async def recall(self, payment: Payment) -> Snapshot | None:
        """Look for what was taken or is held: an approving provider lists nothing else."""
        if not self._book.is_approving:
            return await self.find(payment)
        shown = (State.CAPTURED, State.HELD, State.PROCESSING, State.FAILED)

        def look() -> Snapshot | None:
            mine = [t for t in self._book.things.values() if t.payment_id == str(payment.payment_id)]
            return next((self._book.show(one) for one in mine if one.state in shown), None)

        return await self._ask("recall", "", look)

    async def complete(self, payment: Payment, key: str) -> Snapshot:
        """Take what was approved."""
        return await self._ask("complete", key, lambda: self._book.complete(payment.provider_reference))

    async def capture(self, payment: Payment, amount: Money, key: str) -> Snapshot:
        """Take what is held."""
        return await self._ask("capture", key, lambda: self._book.capture(payment.provider_reference, amount))

    async def cancel(self, payment: Payment, key: str) -> Snapshot:
        """Close or free it."""
        return await self._ask("cancel", key, lambda: self._book.cancel(payment.provider_reference))

    async def refund(self, payment: Payment, refund: Refund) -> RefundSnapshot:
        """Give money back."""
        refund_id, amount = str(refund.refund_id), refund.amount.minor
        slow = self._slow_refund()
        return await self._ask(
            "refund",
            refund_id,
            lambda: self._book.refund(payment.provider_reference, refund_id, amount, slow=slow),
        )

    async def fetch_refund(self, payment: Payment, refund: Refund) -> RefundSnapshot | None:
        """Show a refund."""
        refund_id = str(refund.refund_id)

        def look() -> RefundSnapshot | None:
            thing = self._book.find(payment.provider_reference)
            return self._book.show_refund(thing, refund_id) if refund_id in thing.refunds else None

        return await self._ask("fetch_refund", "", look)

    async def given_back(self, payment: Payment, since: datetime, until: datetime | None = None) -> Sequence[GivenBack]:
        """Show the refunds of the object."""
        del since, until

        def look() -> Sequence[GivenBack]:
            thing = self._book.find(payment.provider_reference)
            return [GivenBack(name, self._book.show_refund(thing, name)) for name in thing.refunds]

        return await self._ask("given_back", "", look)

    async def reversals(self, payment: Payment, reference: str) -> Sequence[RefundSnapshot]:
        """Show what was taken back, without its amount."""

        def look() -> Sequence[RefundSnapshot]:
            thing = self._book.find(payment.provider_reference)
            name = f"rv_{thing.reference}"
            amount = thing.shown_as_reversed
            return (
                [RefundSnapshot(name, RefundStatus.SUCCESS, amount)]
                if thing.reversed and reference in ("", name)
                else []
            )

        return await self._ask("reversals", "", look)

    async def owner_of(self, reference: str) -> str:
        """Return our payment id."""
        return await self._ask("owner_of", "", lambda: self._book.find(reference).payment_id)

    async def records(self, since: datetime, until: datetime) -> AsyncIterator[ProviderRecord]:
        """List nothing: no report is made here."""
        none: tuple[ProviderRecord, ...] = ()
        for record in none:
            yield record

    async def verify(self, body: bytes, headers: Mapping[str, str], now: datetime) -> None:
        """Believe it: signatures are tested elsewhere."""

    def translate(self, body: bytes) -> ProviderEvent:
        """Read an event."""
        event: dict[str, str] = json.loads(body)
        return ProviderEvent(
            event["id"],
            event["type"],
            event["reference"],
            event["payment_id"],
            datetime.fromisoformat(event["time"]),
            refund_id=event["refund_id"],
            refund_reference=event["refund_reference"],
            loss={"reversed": Loss.REVERSED, "denied": Loss.DENIED}.get(event["type"], Loss.NONE),
        )

    async def close(self) -> None:
        """There are no connections."""

    def _is_forgotten(self, payment: Payment) -> bool:
        return self._clock() - payment.create_time > self.capabilities.key_retention

    async def _ask(self, operation: str, key: str, work: Callable[[], ResultT]) -> ResultT:
        await self._breathe()
        if self._key in self._service.revoked:
            raise CredentialsRefusedError("401")
        try:
            return await self._service.ask(operation, key, work)
        finally:
            await self._breathe()


def event_of(number: int, time: datetime, kind: str, book: Book, intent: str, refund_id: str) -> bytes:
    """Return the body of an event."""
    thing = book.things[intent]
    made = thing.refunds.get(refund_id)
    return json.dumps(
        {
            "id": f"ev_{book.name}_{number}",
            "time": time.isoformat(),
            "type": kind,
            "reference": intent,
            "payment_id": thing.payment_id,
            "refund_id": refund_id,
            "refund_reference": made.reference if made else "",
        }
    ).encode()
