"""The books of each provider are compared every day, by whichever replica has the turn."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Any

from mesh.errors import unavailable
from mesh.ids import new_id
from mesh.storage.database import Database
from payment_svc.domain.comparison import DAY, Found
from payment_svc.domain.reconciliation import Comparison
from payment_svc.storage.comparisons import ComparisonRepository
from payment_svc.use_cases.recovery.comparisons import AGAIN, ANOTHER_TIME, LEASE, DailyComparisons
from tests.support.databases.simulated import Store
from tests.support.rows import NOW

MIDNIGHT = NOW.replace(hour=0)
STORE = ComparisonRepository()


class Provider:
    """A provider, or several, and what compares their books."""

    name = "stripe"

    def __init__(self, database: Database) -> None:
        self.database = database
        self.now = NOW
        self.asked: list[datetime] = []
        self.is_away = False
        self.goes_on = asyncio.Event()
        self.goes_on.set()
        me: Any = self
        self.daily = DailyComparisons(database, me, me, lambda: self.now)

    def all(self) -> list[Provider]:
        """Return what is on."""
        return [self]

    def settled(self, _provider: Provider) -> datetime:
        """Return before when everything has settled."""
        return self.now

    async def compare(self, name: str, since: datetime, until: datetime) -> Comparison:
        """Find nothing, and keep that."""
        self.asked.append(since)
        await self.goes_on.wait()
        if self.is_away:
            raise unavailable("PROVIDER_UNAVAILABLE", "away")
        async with self.database.transaction() as session:
            await STORE.add(session, new_id(), name, (since, until), (0, 0), [])
        return Comparison(0, 0, [], until)

    async def all_steps(self) -> None:
        """Step until there is nothing to do."""
        before = -1
        while len(self.asked) > before:
            before = len(self.asked)
            await self.daily.step()
            await self.daily.ended()


async def test_each_day_is_compared_once_and_again_after_a_week(database: Database, store: Store) -> None:
    books = Provider(database)
    await books.all_steps()
    assert sorted(books.asked) == [MIDNIGHT - ago * DAY for ago in range(7, 0, -1)]
    books.asked.clear()
    books.now = NOW + DAY
    store.set_clock(books.now)
    await books.all_steps()
    # what was too long ago when it began never is
    assert sorted(books.asked) == [MIDNIGHT]
    books.asked.clear()
    books.now = NOW + 2 * DAY
    store.set_clock(books.now)
    await books.all_steps()
    # and the oldest of what was is looked at for the second time
    assert sorted(books.asked) == [MIDNIGHT - 7 * DAY, MIDNIGHT + DAY]


async def test_one_replica_compares_at_a_time(database: Database) -> None:
    first, second = Provider(database), Provider(database)
    first.goes_on.clear()
    await first.daily.step()
    await first.daily.step()
    await second.daily.step()
    first.goes_on.set()
    await first.daily.ended()
    assert (len(first.asked), second.asked) == (1, [])
    await second.daily.step()
    await second.daily.ended()
    assert second.asked == [first.asked[0] + DAY]


async def test_comparison_that_failed_is_tried_again_after_a_while(database: Database, store: Store) -> None:
    books = Provider(database)
    books.is_away = True
    await books.all_steps()
    assert len(books.asked) == 1
    store.set_clock(NOW + AGAIN - timedelta(seconds=1))
    await books.daily.step()
    assert len(books.asked) == 1
    store.set_clock(NOW + AGAIN)
    await books.daily.step()
    await books.daily.ended()
    # what came to no end stops no other day, and has its turn again later
    assert books.asked == [books.asked[0], books.asked[0] + DAY]
    books.now = NOW + ANOTHER_TIME
    store.set_clock(books.now)
    await books.daily.step()
    await books.daily.ended()
    assert books.asked[2:] == [books.asked[0]]


async def test_what_differs_is_compared_again_the_next_day(database: Database, store: Store) -> None:
    books = Provider(database)
    await books.all_steps()
    async with database.transaction() as session:
        span = (MIDNIGHT - 40 * DAY, MIDNIGHT - 39 * DAY)
        await STORE.add(session, new_id(), "stripe", span, (1, 0), [Found("MISSING_HERE", "", "pi_1")])
    books.asked.clear()
    await books.all_steps()
    assert books.asked == []
    books.now = NOW + DAY
    store.set_clock(books.now)
    await books.all_steps()
    assert span[0] in books.asked


async def test_replica_that_ends_leaves_the_turn_to_another(database: Database) -> None:
    first, second = Provider(database), Provider(database)
    first.goes_on.clear()
    await first.daily.step()
    await asyncio.sleep(0)
    await first.daily._stop()
    async with database.session() as session:
        # as after a failure: not for as long as a comparison may take
        await STORE.leave_turn(session, "stripe", timedelta(0))
    await second.daily.step()
    await second.daily.ended()
    assert second.asked == [MIDNIGHT - 7 * DAY]
    assert AGAIN < LEASE


async def test_who_turned_it_off_is_asked_nothing(database: Database) -> None:
    books = Provider(database)
    books.daily._is_on = False
    await books.all_steps()
    assert books.asked == []
