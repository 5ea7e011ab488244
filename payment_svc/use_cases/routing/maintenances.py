"""The use cases of maintenance: operators take a provider out of routing until a time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta

from mesh.errors import failed_precondition, invalid
from mesh.ids import NewId, new_id
from mesh.storage.database import Database
from mesh.telemetry import get_logger
from payment_svc.domain.maintenance import Maintenance, refusal
from payment_svc.providers.registry import unknown
from payment_svc.storage.maintenances import MaintenanceRepository

log = get_logger(__name__)
MAX_AGE_SECONDS = 1.0
"""How long what is known is believed: the bound on giving payments to a provider whose maintenance has begun."""
LONGEST = timedelta(days=30)


class Maintenances:
    """Knows which providers get no new payments by routing."""

    def __init__(
        self,
        database: Database,
        store: MaintenanceRepository,
        *,
        ids: NewId = new_id,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._store = store
        self._ids = ids
        self._now = now
        self._known: tuple[float, Mapping[str, Maintenance]] | None = None
        database.when_another(self._forget)

    async def active(self) -> Mapping[str, Maintenance]:
        """Return those under way by provider, as they were a second ago at the most."""
        if self._known is None or self._now() - self._known[0] > MAX_AGE_SECONDS:
            asked = self._now()
            async with self._database.session() as session:
                found = await self._store.active(session)
            self._known = asked, {one.provider: one for one in found}
        return self._known[1]

    async def under_way(self) -> Mapping[str, Maintenance]:
        """Return those under way by provider, as they are now."""
        self._forget()
        return await self.active()

    async def refusals(self) -> Mapping[str, str]:
        """Return why routing passes providers over now."""
        return {name: refusal(one) for name, one in (await self.active()).items()}

    async def newest(self) -> list[Maintenance]:
        """Return the newest ones, newest first, those that are over too."""
        async with self._database.session() as session:
            return await self._store.newest(session)

    async def start(
        self, provider: str, until: datetime, operator: str, why: str, *, known: Iterable[str]
    ) -> Maintenance:
        """Take one of the known providers out of routing until a time. Raises ApiError as the contract says."""
        if provider not in (names := list(known)):
            raise unknown(provider, names)
        async with self._database.transaction() as session:
            now = await session.now()
            if not now < until <= now + LONGEST:
                raise invalid("until_time", f"must be in the future, and within {LONGEST.days} days")
            started = await self._store.start(session, self._ids(), provider, until, operator, why)
        self._forget()
        log.info("maintenance started", provider=provider, until=until, operator=operator, why=why)
        return started

    async def end(self, provider: str, operator: str) -> Maintenance:
        """End the one of a provider before its time. Raises ApiError FAILED_PRECONDITION, NO_MAINTENANCE."""
        async with self._database.transaction() as session:
            ended = await self._store.end(session, provider, operator)
        if ended is None:
            raise failed_precondition("NO_MAINTENANCE", f"{provider} is not in maintenance")
        self._forget()
        log.info("maintenance ended", provider=provider, operator=operator)
        return ended

    def _forget(self) -> None:
        self._known = None
