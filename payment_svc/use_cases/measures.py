"""Looks now and then at what is open: every replica reports the same, so rules take the maximum."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import timedelta

from prometheus_client import Gauge

from mesh.storage.database import Database
from mesh.worker import Worker
from payment_svc import metrics
from payment_svc.domain.comparison import Books
from payment_svc.domain.dispute import DisputeStatus
from payment_svc.providers.resilience import ResilientProvider
from payment_svc.storage.comparisons import ComparisonRepository
from payment_svc.storage.measures import MeasureRepository, Open

LOOK_SECONDS = 10.0


class Measures:
    """Measures for Prometheus."""

    def __init__(
        self, database: Database, store: MeasureRepository, providers: Sequence[ResilientProvider] = ()
    ) -> None:
        """Look at the database, and at the circuits of `providers`."""
        self._database = database
        self._store = store
        self._providers = providers
        self._comparisons = ComparisonRepository()
        self._seen: set[tuple[Gauge, tuple[str, ...]]] = set()
        self.worker = Worker("measures", self._look, interval=LOOK_SECONDS)

    async def _look(self) -> bool:
        for provider in self._providers:
            provider.show_circuits()
        store = self._store
        async with self._database.transaction() as session:
            payments, unknown = await store.payments(session), await store.unknown(session)
            reviews, events = await store.reviews(session), await store.events(session)
            refunds, disputes = await store.refunds(session), await store.disputes(session)
            books, backup_age = await self._comparisons.books(session), await store.backup_age(session)
        found: dict[tuple[Gauge, tuple[str, ...]], float] = {}
        for rows, count, oldest in (
            (payments, metrics.PAYMENTS_OPEN, metrics.PAYMENTS_OLDEST),
            (unknown, metrics.UNKNOWN, metrics.UNKNOWN_OLDEST),
            (events, metrics.EVENTS_PENDING, metrics.EVENTS_OLDEST),
            (refunds, metrics.REFUNDS_PENDING, metrics.REFUNDS_OLDEST),
        ):
            found |= _values(rows, count, oldest)
        found |= {(metrics.REVIEWS_OPEN, (row.kind,)): row.number for row in reviews}
        found |= {(metrics.DISPUTES, (row.kind,)): row.number for row in disputes}
        self._set(found)
        metrics.REVIEWS_OLDEST.set(max((row.oldest for row in reviews), default=timedelta()).total_seconds())
        unanswered = [row for row in disputes if row.kind == DisputeStatus.NEEDS_RESPONSE]
        left = [row.left.total_seconds() for row in unanswered if row.left is not None]
        metrics.DISPUTE_DEADLINE.set(min(left, default=math.nan))
        self._show(books)
        metrics.BACKUP_AGE.set(backup_age.total_seconds() if backup_age is not None else math.nan)
        metrics.DISPUTES_MISSED.set(sum(row.missed for row in unanswered))
        return False

    def _show(self, books: Sequence[Books]) -> None:
        """Show how the books stand of those that are on: nobody compares the others any more."""
        names = {provider.name for provider in self._providers}
        for one in books:
            if one.provider in names:
                metrics.DIFFERENCES.labels(one.provider).set(one.differences)
                metrics.RECONCILED.labels(one.provider).set(one.last_time.timestamp() if one.last_time else 0)
                metrics.RECONCILED_AGE.labels(one.provider).set(one.age.total_seconds())

    def _set(self, found: dict[tuple[Gauge, tuple[str, ...]], float]) -> None:
        """Set what was found, and what was there at the last look and is no more to zero."""
        for gauge, labels in self._seen - found.keys():
            gauge.labels(*labels).set(0)
        for (gauge, labels), value in found.items():
            gauge.labels(*labels).set(value)
        self._seen = set(found)


def _values(rows: Sequence[Open], count: Gauge, oldest: Gauge) -> dict[tuple[Gauge, tuple[str, ...]], float]:
    values: dict[tuple[Gauge, tuple[str, ...]], float] = {}
    for row in rows:
        labels = tuple(label for label in (row.provider, row.kind, row.accounts) if label)
        values[count, labels] = row.number
        values[oldest, labels] = row.oldest.total_seconds()
    return values
