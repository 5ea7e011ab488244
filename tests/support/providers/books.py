"""Both books of a reconciliation: ours, and a provider's that lists and shows what a test says."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from payment_svc.domain.payment import Payment, Snapshot
from payment_svc.domain.reconciliation import DealtWith, Given, ProviderRecord
from payment_svc.domain.refund import GivenBack
from payment_svc.providers.base import ObjectNotFoundError, UnavailableError
from payment_svc.providers.paypal.adapter import PaypalProvider
from payment_svc.use_cases.reconciliation import Reconciliation, Repositories

TIME = datetime(2026, 1, 1, tzinfo=UTC)
SINCE, UNTIL = TIME - timedelta(days=1), TIME + timedelta(days=1)


class Books:
    """Both books, and how a provider answers about what its list does not have."""

    name = "paypal"
    lists_refunds = True
    capabilities = replace(PaypalProvider.capabilities, listed_after=timedelta(hours=3))

    def __init__(self, ours: Sequence[Payment] = (), theirs: Sequence[ProviderRecord] = ()) -> None:
        self.ours = list(ours)
        self.theirs = list(theirs)
        self.others: list[Payment] = []
        self.asked_for: list[uuid.UUID] = []
        self.given_back_here: dict[uuid.UUID, dict[int | None, Given]] = {}
        self.answers: dict[uuid.UUID, list[DealtWith]] = {}
        self.back: list[Sequence[GivenBack] | Exception] = []
        self.fetched: Any = ObjectNotFoundError("no such object")
        self.is_away = False
        self.kept: list[tuple[Any, ...]] = []
        self.spans: list[tuple[datetime, datetime]] = []
        me: Any = self
        self.session = self.transaction
        self.reconciliation = Reconciliation(
            me, Repositories(me, me, me, me), me, timedelta(hours=1), lambda: UNTIL + timedelta(hours=3)
        )

    def get(self, name: str) -> Books:
        """Return the provider."""
        assert name == "paypal"
        return self

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[None]:
        """Lend nothing."""
        yield None

    async def add(self, _session: Any, *kept: Any) -> None:
        """Keep what was found."""
        self.kept.append(kept[1:])

    async def records(self, since: datetime, until: datetime) -> AsyncIterator[ProviderRecord]:
        """Return the provider's list."""
        assert (since, until) == (SINCE, UNTIL)
        if self.is_away:
            raise UnavailableError("away")
        for one in self.theirs:
            yield one

    async def created(
        self, _session: Any, provider: str, since: datetime, until: datetime, limit: int
    ) -> list[Payment]:
        """Return our payments of the time."""
        assert provider == "paypal"
        found = [one for one in self.ours if since <= one.create_time < until][:limit]
        if len(found) < limit:
            self.spans.append((since, until))
        return found

    async def by_ids(self, _session: Any, ids: Sequence[uuid.UUID]) -> list[Payment]:
        """Return our payments by name, as they are by then."""
        self.asked_for += ids
        return [one for one in self.others or self.ours if one.payment_id in ids]

    async def given(self, _session: Any, ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, dict[int | None, Given]]:
        """Return what we say went back."""
        return {key: one for key, one in self.given_back_here.items() if key in ids}

    async def dealt_with(self, _session: Any, ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, list[DealtWith]]:
        """Return what people have answered."""
        return {key: one for key, one in self.answers.items() if key in ids}

    async def given_back(self, payment: Payment, since: datetime, until: datetime | None = None) -> Sequence[GivenBack]:
        """Return what the provider says went back."""
        assert (since, until) == (payment.create_time, None)
        shown = self.back.pop(0) if self.back else ()
        if isinstance(shown, Exception):
            raise shown
        return shown

    async def fetch(self, payment: Payment) -> Snapshot:
        """Return what the provider shows."""
        assert (payment.provider, payment.account_id) == ("paypal", None)
        assert payment.provider_reference in "AB"
        shown = self.fetched.pop(0) if isinstance(self.fetched, list) else self.fetched
        if isinstance(shown, Exception):
            raise shown
        return cast(Snapshot, shown)
