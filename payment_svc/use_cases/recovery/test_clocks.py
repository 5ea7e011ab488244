"""The test clock: what a merchant's test payments wait for comes up sooner, here and by an event in other services."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import grpc

from mesh.errors import ApiError, failed_precondition
from mesh.events.unit_of_work import UnitsOfWork
from mesh.ids import Clock, utc_now
from mesh.storage import idempotency
from mesh.storage.database import Database
from mesh.storage.idempotency import Claim, Record
from payment_svc.contract import events as facts
from payment_svc.domain.account import Tenant
from payment_svc.domain.test_clock import MODE, TestClock
from payment_svc.storage.test_clocks import TestClockRepository
from payment_svc.use_cases.recovery.payments import CLAIM


class TestClocks:
    """Shows test clocks, and advances them."""

    def __init__(
        self, database: Database, work: UnitsOfWork, store: TestClockRepository, clock: Clock = utc_now
    ) -> None:
        self._database = database
        self._work = work
        self._store = store
        self._clock = clock

    async def get(self, owner: Tenant) -> TestClock:
        """Return a merchant's clock. Raises ApiError FAILED_PRECONDITION, reason TEST_MODE_ONLY, for a live key."""
        merchant_id = _of_tests(owner)
        async with self._database.session() as session:
            return await self._store.get(session, merchant_id)

    async def advance(self, owner: Tenant, by: timedelta, claim: Claim | None) -> TestClock | Record:
        """Move on what waits, or return the record of the same request made before.

        Nothing is decided here: what is due earlier is looked up at its provider as ever. Raises as `get` does, and
        RESOURCE_EXHAUSTED, reason CLOCK_JUST_ADVANCED, within a second of the last time.
        """
        merchant_id = _of_tests(owner)
        async with self._work.begin() as unit:
            before = await self._store.lock(unit.session, merchant_id)
            # under the lock: a repetition beside it sees what the first has stored
            if claim and (record := await idempotency.find(unit.session, claim)):
                return record
            now = self._clock()
            if before.rests(now):
                words = "the clock was advanced less than a second ago; ask again, or for more at once"
                raise ApiError(grpc.StatusCode.RESOURCE_EXHAUSTED, "CLOCK_JUST_ADVANCED", words)
            clock = before.after(by, now)
            await self._store.save(unit.session, clock)
            await self._store.age(unit.session, merchant_id, by, CLAIM)
            await idempotency.age(unit.session, merchant_id, by)
            if claim:
                await idempotency.store(unit.session, claim, merchant_id, claim.answer(clock))
            unit.add(facts.clock_event(clock, by))
        return clock


def _of_tests(owner: Tenant) -> UUID:
    if owner.mode != MODE:
        words = "only test data can be moved on: ask with a key that begins with sk_test_"
        raise failed_precondition("TEST_MODE_ONLY", words)
    return owner.merchant_id
