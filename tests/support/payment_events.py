"""Events of providers in a test's hands: a provider, our books, and whoever works on them."""

from __future__ import annotations

import asyncio
import uuid
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

from mesh.money import Money
from payment_svc.domain.payment import (
    AttemptStatus,
    Fact,
    Payment,
    PaymentStatus,
    Snapshot,
    StaleFactError,
    first_attempt,
)
from payment_svc.domain.provider_event import Verdict
from payment_svc.domain.review import About, ReviewKind
from payment_svc.providers.base import Capabilities, ProviderEvent
from payment_svc.storage.provider_events import StoredEvent
from payment_svc.use_cases.event_application import LOCK_WAIT_SECONDS, EventApplication
from payment_svc.use_cases.payment_events import PaymentEvents
from tests.support.providers.paypal_api import PAYMENT

S = PaymentStatus
NOW = datetime(2026, 1, 1, tzinfo=UTC)
MINE, OTHER = uuid.UUID(int=7), uuid.UUID(int=8)
FIRST = replace(first_attempt("stripe", NOW, MINE), provider_reference="pi_1", status=AttemptStatus.FAILED)
SECOND = replace(first_attempt("paypal", NOW, MINE), number=2, provider_reference="O2")
WORKED_ON = replace(
    PAYMENT, provider="paypal", account_id=MINE, provider_reference="O2", attempts=(FIRST, SECOND), payment_method="pm"
)
PAID = replace(WORKED_ON, status=S.SUCCESS, captured=1200)
STORED = StoredEvent("paypal", MINE, "e1", "paid", b"{}", "trace", 1, NOW)
EVENT = ProviderEvent("e1", "paid", "O2", str(PAYMENT.payment_id), NOW)


class World:
    """A provider, our books, and whoever works on them, in the test's hands."""

    name = "paypal"
    capabilities = Capabilities(True, "", None, True, True, True, True)

    def __init__(self, payment: Payment | None = WORKED_ON, event: ProviderEvent = EVENT) -> None:
        self.payment = payment
        self.account_id: uuid.UUID | None = MINE
        self.event = event
        self.does: list[Any] = []
        self.found_by_reference: uuid.UUID | None = None
        self.owner = ""
        self.outcome: object = None
        self.shown: Any = Snapshot("O2", S.SUCCESS, Money(1200, "EUR"))
        self.page: Snapshot | None = None
        self.free = True
        self.unknown: set[str] = set()
        self.given = 0
        self.stale = self.dispute_version = 0
        self.error: Exception | None = None
        self.asked_for: Exception | None = None
        self.questions = self.ledger = self.refunds = self.work = self
        self.under_way = self
        me = cast(Any, self)
        self.session_ = None
        self.payments = PaymentEvents(me, me)
        resources = SimpleNamespace(
            payments=self.payments,
            refunds=self._resource("refund"),
            elsewhere=self._resource("elsewhere"),
            reversals=self._resource("reversal"),
            disputes=self,
        )
        self.application = EventApplication(me, me, me, cast(Any, resources), me, lambda: NOW)

    def _resource(self, name: str) -> Any:
        async def apply_event(_provider: Any, _event: Any, payment: Payment) -> Verdict | None:
            self.does.append(name)
            self._shows()
            # of a refund that is not known nothing is said
            return None if name in self.unknown else Verdict("APPLIED", name, payment)

        return SimpleNamespace(apply_event=apply_event)

    async def by_id(self, provider: str, account_id: uuid.UUID | None) -> World:
        """Return the provider."""
        assert (provider, account_id) == ("paypal", MINE)
        return self

    def translate(self, payload: bytes) -> ProviderEvent:
        """Read an event."""
        return self.event

    def _shows(self) -> None:
        if self.asked_for:
            raise self.asked_for

    async def resolve(self, event: ProviderEvent) -> ProviderEvent:
        """Return what the event is about."""
        if event.object_type:
            self._shows()
        return event

    async def owner_of(self, reference: str) -> str:
        """Return our id of a payment."""
        self._shows()
        return self.owner

    @asynccontextmanager
    async def session(self) -> Any:
        """Lend nothing."""
        yield self

    begin = session

    @asynccontextmanager
    async def hold(self, name: str, wait: float) -> Any:
        """Hold an order."""
        assert (name, wait) == (f"order:{PAYMENT.order_id}", LOCK_WAIT_SECONDS)
        self.does.append("holds")
        await asyncio.sleep(0)
        yield

    async def ended(self, _payment_id: uuid.UUID, wait: float) -> object:
        """Return what came of who works here."""
        assert wait == LOCK_WAIT_SECONDS
        return self.outcome

    async def find(self, *given: Any) -> Any:
        """Return our payment by its reference, or the provider's page."""
        return self.found_by_reference if len(given) == 3 else self.page

    async def read(self, _session: Any, payment_id: uuid.UUID) -> Payment | None:
        """Return our payment."""
        return self.payment if self.payment and payment_id == self.payment.payment_id else None

    async def fetch(self, payment: Payment) -> Snapshot:
        """Return what the provider shows."""
        self.does.append(("fetch", payment.provider_reference))
        self._shows()
        if isinstance(self.shown, Exception):
            raise self.shown
        return cast(Snapshot, self.shown)

    async def sync(self, payment: Payment, fact: Fact) -> Payment:
        """Apply a fact."""
        self.does.append(fact)
        if self.error:
            raise self.error
        return payment

    async def is_free(self, _payment_id: uuid.UUID) -> bool:
        """Whether nobody works on it."""
        return self.free

    async def lock(self, _unit: Any, _payment_id: uuid.UUID) -> Payment:
        """Return the payment."""
        assert self.payment
        return self.payment

    async def sums(self, _session: Any, _payment_id: uuid.UUID) -> Any:
        """Return what was given back."""
        return SimpleNamespace(given=self.given)

    async def ask(self, _unit: Any, _payment: Payment, kind: ReviewKind, _reason: str, about: About) -> None:
        """Ask a person."""
        self.does.append((kind, about))

    async def ask_a_person(self, _payment: Payment, kind: ReviewKind, _reason: str, about: About) -> None:
        """Ask a person."""
        self.does.append((kind, about.attempt))

    async def fetch_dispute(self, reference: str) -> Any:
        """Return a dispute."""
        self.does.append(("dispute", reference))
        self._shows()
        return SimpleNamespace(payment_id=str(PAYMENT.payment_id))

    async def version(self, name: str, reference: str) -> int:
        """Return the version of a dispute, which changes while its object is looked at."""
        assert (name, reference) == ("paypal", "d")
        self.does.append("notes")
        return self.dispute_version

    async def apply_snapshot(self, name: str, payment: Payment, _snapshot: Any, seen: int) -> None:
        """Apply a dispute."""
        assert seen == self.dispute_version
        self.dispute_version += 1
        if self.stale:
            self.stale -= 1
            raise StaleFactError("changed meanwhile")
        self.does.append(("applies", name, payment))


def only(changes: dict[str, Any]) -> ProviderEvent:
    return replace(EVENT, **changes)
