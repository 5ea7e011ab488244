"""What stands around every call to a provider: a circuit breaker, a bulkhead, a log line and a metric.

A circuit belongs to one operation of one provider. Only failures of the provider itself open it (no answer, not
reached, 5xx); a declined card never does, nor an answer that cannot be read. The bulkhead bounds the calls in flight
at one provider, so that a slow one takes no capacity of the others. Both refuse with UnavailableError: nothing was
sent.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar
from uuid import UUID

from purgatory import AsyncCircuitBreakerFactory
from purgatory.domain.messages.base import Event
from purgatory.domain.messages.events import ContextChanged
from purgatory.domain.model import OPENED, Context, OpenedState
from purgatory.service._async.circuitbreaker import AsyncCircuitBreaker

from mesh import context, tracing
from mesh.money import Money
from mesh.telemetry import alert, get_logger
from mesh.tracing import names
from payment_svc.domain.circuit import Circuit
from payment_svc.domain.dispute import DisputeSnapshot
from payment_svc.domain.payment import Payment, Snapshot
from payment_svc.domain.reconciliation import ProviderRecord
from payment_svc.domain.refund import GivenBack, Refund, RefundSnapshot
from payment_svc.metrics import (
    ACCOUNTS,
    CALL_SECONDS,
    CALLS,
    CIRCUIT_STATE,
    IN_FLIGHT,
    PROVIDER_CIRCUIT_OPEN,
    prime_provider,
)
from payment_svc.providers.base import (
    Capabilities,
    Disputing,
    InProgressError,
    Listing,
    OutcomeUnknownError,
    Owning,
    Provider,
    ProviderError,
    ProviderEvent,
    Recalling,
    Resolving,
    Reversing,
    UnavailableError,
    UnreadableAnswerError,
)
from payment_svc.providers.bulkhead import Bulkhead
from payment_svc.providers.call_log import CallLog
from payment_svc.providers.event_form import reading_event, well_formed
from payment_svc.providers.kept import NOTHING, Kept

log = get_logger(__name__)
ResultT = TypeVar("ResultT")

_KEPT = {error.__name__ for error in (UnavailableError, OutcomeUnknownError, InProgressError, UnreadableAnswerError)}
"""What is worth a trace though none was asked for: a decline is not."""
_STATES = {"closed": 0, "half-opened": 1, "opened": 2}


@dataclass(frozen=True, slots=True)
class Limits:
    """When a circuit opens, for how long, and how many calls may be in flight at one provider."""

    failures: int
    open_seconds: float
    max_calls: int
    seconds: float = 20.0
    """How long one call may take as a whole."""


@dataclass(frozen=True, slots=True)
class Hearing:
    """Who hears what is said, and what of it is kept."""

    log: CallLog | None = None
    kept: Kept = NOTHING

    def of(self, provider: str, operation: str, payment: Payment | None) -> AbstractContextManager[object]:
        """Hear what is said within the block."""
        if self.log is None or payment is None:
            return nullcontext()
        return self.log.listening(provider, self.kept, operation, payment.payment_id)


_PATIENCE: ContextVar[float] = ContextVar("provider_patience", default=0.0)


@contextmanager
def patience(seconds: float) -> Iterator[None]:
    """Give the calls inside the block more time: what has no answer yet is asked again without a caller who waits."""
    token = _PATIENCE.set(seconds)
    try:
        yield
    finally:
        _PATIENCE.reset(token)


_ASIDE: ContextVar[bool] = ContextVar("provider_aside", default=False)


@contextmanager
def aside() -> Iterator[None]:
    """Make the calls inside the block a report, not payments: they move no circuit, wait for none, and are not kept.

    So whoever makes many ends with the first that fails.
    """
    token = _ASIDE.set(True)
    try:
        yield
    finally:
        _ASIDE.reset(token)


class ResilientProvider:
    """A provider behind its breaker and bulkhead; itself a `Provider`, whose promises it keeps."""

    def __init__(
        self, inner: Provider, limits: Limits, account_id: UUID | None = None, hearing: Hearing | None = None
    ) -> None:
        self._inner = inner
        self._hearing = hearing or Hearing()
        self.account_id = account_id
        self._accounts = ACCOUNTS[account_id is not None]
        self.bulkhead = Bulkhead(inner.name, limits.max_calls)
        self._seconds = limits.seconds
        # whatever is not the provider's own failure counts as a call that went well
        self._breakers = AsyncCircuitBreakerFactory(
            limits.failures, limits.open_seconds, exclude=[(BaseException, _is_not_a_failure)]
        )
        self._breakers.add_listener(self._on_event)
        self._circuits: dict[str, Context] = {}
        prime_provider(self.name)

    @property
    def name(self) -> str:
        """The provider's word."""
        return self._inner.name

    @property
    def capabilities(self) -> Capabilities:
        """What the provider can do."""
        return self._inner.capabilities

    def circuits(self) -> list[Circuit]:
        """Return how the circuits of the operations that were called so far stand."""
        return [
            Circuit(
                operation,
                context.state,
                context.failure_count or 0,
                datetime.fromtimestamp(context.opened_at, UTC) if context.opened_at else None,
            )
            for operation, context in sorted(self._circuits.items())
        ]

    def is_open(self, operation: str) -> bool:
        """Whether a call would be refused now. A circuit whose time is over lets the next call try."""
        context = self._circuits.get(operation)
        if context is None or context.state != OPENED or context.opened_at is None:
            return False
        return time.time() <= context.opened_at + context.ttl

    def show_circuits(self) -> None:
        """Have the gauge say what is so now: the circuit itself finds out by the next call that its time is over."""
        if self.account_id is not None:
            return
        for one in self.circuits():
            is_over = one.state == OPENED and not self.is_open(one.operation)
            CIRCUIT_STATE.labels(self.name, one.operation).set(_STATES["half-opened" if is_over else one.state])

    async def identity(self) -> str:
        """Return whose account it is."""
        return await self._call("identity", None, self._inner.identity)

    def check_amount(self, amount: Money) -> None:
        """Raise AmountNotSupportedError."""
        self._inner.check_amount(amount)

    async def start(self, payment: Payment) -> Snapshot:
        """Create the provider's object."""
        return await self._call("start", payment, lambda: self._inner.start(payment))

    async def fetch(self, payment: Payment) -> Snapshot:
        """Return what the provider says now."""
        return await self._call("fetch", payment, lambda: self._inner.fetch(payment))

    async def find(self, payment: Payment) -> Snapshot | None:
        """Look for the payment's object by our metadata."""
        return await self._call("find", payment, lambda: self._inner.find(payment))

    async def recall(self, payment: Payment) -> Snapshot | None:
        """Look for the object of a payment of which only its id is known."""
        inner = self._inner
        if not isinstance(inner, Recalling):
            return await self.find(payment)
        return await self._call("recall", payment, lambda: inner.recall(payment))

    async def complete(self, payment: Payment, key: str) -> Snapshot:
        """Take or hold what the customer approved."""
        return await self._call("complete", payment, lambda: self._inner.complete(payment, key))

    async def capture(self, payment: Payment, amount: Money, key: str) -> Snapshot:
        """Capture."""
        return await self._call("capture", payment, lambda: self._inner.capture(payment, amount, key))

    async def cancel(self, payment: Payment, key: str) -> Snapshot:
        """Close the page, or void."""
        return await self._call("cancel", payment, lambda: self._inner.cancel(payment, key))

    async def refund(self, payment: Payment, refund: Refund) -> RefundSnapshot:
        """Give money back."""
        return await self._call("refund", payment, lambda: self._inner.refund(payment, refund))

    async def fetch_refund(self, payment: Payment, refund: Refund) -> RefundSnapshot | None:
        """Return what the provider says now of a refund."""
        return await self._call("fetch_refund", payment, lambda: self._inner.fetch_refund(payment, refund))

    @property
    def lists_refunds(self) -> bool:
        """Whether it says what it has given back of a payment."""
        return isinstance(self._inner, Listing)

    async def given_back(self, payment: Payment, since: datetime, until: datetime | None = None) -> Sequence[GivenBack]:
        """Return the refunds of a payment's object; nothing where the provider does not list them."""
        inner = self._inner
        if not isinstance(inner, Listing):
            return ()
        return await self._call("given_back", payment, lambda: inner.given_back(payment, since, until))

    async def owner_of(self, reference: str) -> str:
        """Return our payment id from the provider's payment, where its events may not carry it; else nothing."""
        inner = self._inner
        if not isinstance(inner, Owning):
            return ""
        return await self._call("owner_of", None, lambda: inner.owner_of(reference))

    async def resolve(self, event: ProviderEvent) -> ProviderEvent:
        """Return the event with what its object belongs to, where it names the object only."""
        inner = self._inner
        if not event.object_type or not isinstance(inner, Resolving):
            return event
        return await self._call("resolve", None, lambda: inner.resolve(event))

    async def reversals(self, payment: Payment, reference: str) -> Sequence[RefundSnapshot]:
        """Return what the provider has taken back of a payment by itself; nothing where it never does."""
        inner = self._inner
        if not isinstance(inner, Reversing):
            return ()
        return await self._call("reversals", payment, lambda: inner.reversals(payment, reference))

    async def fetch_dispute(self, reference: str) -> DisputeSnapshot:
        """Return what the provider says now of a dispute. Raises TypeError where there are no disputes."""
        inner = self._inner
        if not isinstance(inner, Disputing):
            raise TypeError(f"{self.name} has no disputes")
        return await self._call("fetch_dispute", None, lambda: inner.fetch_dispute(reference))

    def records(self, since: datetime, until: datetime) -> AsyncIterator[ProviderRecord]:
        """Walk through the provider's records. A report, not a payment: no circuit stands in its way."""
        return self._inner.records(since, until)

    async def verify(self, body: bytes, headers: Mapping[str, str], now: datetime) -> None:
        """Check a webhook's signature."""
        with reading_event():
            await self._inner.verify(body, headers, now)

    def translate(self, body: bytes) -> ProviderEvent:
        """Read a verified webhook. Raises ValueError for what is no event, or not in the form of one."""
        with reading_event():
            return well_formed(self._inner.translate(body))

    async def close(self) -> None:
        """Release connections."""
        await self._inner.close()

    async def _call(self, operation: str, payment: Payment | None, call: Callable[[], Awaitable[ResultT]]) -> ResultT:
        started = time.perf_counter()
        outcome = "ok"
        span = self._span(operation, payment)
        try:
            with self._hearing.of(self.name, operation, None if _ASIDE.get() else payment):
                return await self._admitted(operation, call)
        except ProviderError as error:
            outcome = error.kind
            raise
        finally:
            seconds = time.perf_counter() - started
            context.current().waited_seconds += seconds
            CALL_SECONDS.labels(self.name, operation, self._accounts).observe(seconds)
            CALLS.labels(self.name, outcome, self._accounts).inc()
            span.end("" if outcome == "ok" else outcome, keep=outcome in _KEPT)
            log.info(
                "provider call",
                provider=self.name,
                operation=operation,
                outcome=outcome,
                duration_ms=round(seconds * 1000, 3),
                **({"payment_id": payment.payment_id, "order_id": payment.order_id} if payment else {}),
            )

    def _span(self, operation: str, payment: Payment | None) -> tracing.Span:
        if not tracing.is_on():
            return tracing.OFF
        attributes: dict[str, tracing.Value] = {names.PROVIDER: self.name, names.OPERATION: operation}
        if payment:
            attributes |= {names.PAYMENT: str(payment.payment_id), names.ORDER: str(payment.order_id)}
        return tracing.start(f"{self.name} {operation}", tracing.Kind.CLIENT, attributes)

    async def _admitted(self, operation: str, call: Callable[[], Awaitable[ResultT]]) -> ResultT:
        """Make the call if the bulkhead is not full and the circuit is closed, or half-open with nobody trying it."""
        caller = context.current()
        with self.bulkhead.place(caller.merchant_id if caller.is_own and self.account_id is None else ""):
            breaker = None if _ASIDE.get() else await self._breaker(operation)
            IN_FLIGHT.labels(self.name).inc()
            try:
                async with breaker or nullcontext():
                    return await self._bounded(call)
            except OpenedState:
                raise UnavailableError(f"the circuit to {self.name} is open") from None
            finally:
                IN_FLIGHT.labels(self.name).dec()

    async def _breaker(self, operation: str) -> AsyncCircuitBreaker:
        breaker = await self._breakers.get_breaker(operation)
        self._circuits[operation] = breaker.context
        if breaker.context.state == "half-opened":
            raise UnavailableError(f"the circuit to {self.name} is half-open, and a call is trying it")
        return breaker

    async def _bounded(self, call: Callable[[], Awaitable[ResultT]]) -> ResultT:
        """Bound a call as a whole: time-outs of HTTP clients are for each read, and an answer may drip for ever."""
        seconds = _PATIENCE.get() or self._seconds
        try:
            async with asyncio.timeout(seconds):
                return await call()
        except TimeoutError as error:
            raise OutcomeUnknownError(f"{self.name} gave no answer within {seconds:g} s") from error
        except (LookupError, TypeError, AttributeError, ValueError) as error:
            # a field that is absent, a status that is new: what cannot be read says nothing of what was done
            log.error("unreadable answer", provider=self.name, exc_info=error)
            raise UnreadableAnswerError(f"{self.name} answered what cannot be read: {error!r}") from error

    def _on_event(self, operation: str, _kind: str, event: Event) -> None:
        if not isinstance(event, ContextChanged):
            return
        if self.account_id is None:
            CIRCUIT_STATE.labels(self.name, operation).set(_STATES[event.state])
        if event.state == OPENED and self.account_id is None:
            alert(PROVIDER_CIRCUIT_OPEN, log, provider=self.name, operation=operation)
        else:
            # a merchant's own account that fails is the merchant's business, and nobody has to get up for it
            log.warning(
                "circuit changed",
                provider=self.name,
                operation=operation,
                state=event.state,
                account_id=self.account_id,
            )


def _is_not_a_failure(error: BaseException) -> bool:
    if isinstance(error, UnreadableAnswerError | InProgressError):
        # it answers, and what is open about one payment is no reason to stop asking about others
        return True
    return not isinstance(error, UnavailableError | OutcomeUnknownError)
