"""What was compared of the books is kept until something newer covers it, and every replica reads the same."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from prometheus_client import REGISTRY

from mesh.ids import new_id
from mesh.money import Money
from mesh.storage.database import Database, Session
from payment_svc.domain.comparison import FOUND_MOST, Books, Found
from payment_svc.domain.reconciliation import DealtWith
from payment_svc.domain.review import Resolution, Review, ReviewKind
from payment_svc.storage.comparisons import ComparisonRepository
from payment_svc.storage.measures import MeasureRepository
from payment_svc.storage.reviews import ReviewRepository
from payment_svc.use_cases.measures import Measures
from tests.support.databases.simulated import Store
from tests.support.payment_rows import payment_of, store_payments
from tests.support.rows import AFTER, BEFORE, MINE, MOMENT, NOW

REPOSITORY = ComparisonRepository()
DAY = timedelta(days=1)
MISSING = Found("MISSING_HERE", "", "pi_1")
LATE = Found("STATE_DIFFERS", str(MINE), "pi_2")


async def add(database: Database, since: float, until: float, *found: Found, provider: str = "stripe") -> UUID:
    """Keep a comparison of what is so many days ago."""
    key = new_id()
    async with database.transaction() as session:
        span = (NOW - since * DAY, NOW - until * DAY)
        await REPOSITORY.add(session, key, provider, span, (3, 2), found)
    return key


async def books(database: Database) -> dict[str, Books]:
    async with database.session() as session:
        return {one.provider: one for one in await REPOSITORY.books(session)}


async def test_differences_of_a_day_are_not_over_because_the_next_has_none(database: Database, store: Store) -> None:
    """Day by day, the last one told how many there were of all."""
    await add(database, 3, 2, MISSING, LATE)
    await add(database, 2, 1)
    assert (await books(database))["stripe"].differences == 2
    # alike in two of them: around midnight
    await add(database, 4, 3, LATE)
    assert (await books(database))["stripe"].differences == 2
    await add(database, 3, 2, LATE, provider="paypal")
    assert (await books(database))["stripe"].differences == 2
    store.set_clock(NOW + MOMENT)
    await add(database, 4, 2)
    assert (await books(database))["stripe"].differences == 0
    assert (await books(database))["paypal"].differences == 1


async def test_more_differences_than_are_kept_are_counted(database: Database) -> None:
    found = [Found("MISSING_HERE", "", f"pi_{number}") for number in range(FOUND_MOST + 7)]
    await add(database, 3, 2, *found)
    assert (await books(database))["stripe"].differences == FOUND_MOST + 7
    async with database.session() as session:
        [kept] = await REPOSITORY.differing(session, 10)
    assert (kept.differences, len(kept.found)) == (FOUND_MOST + 7, FOUND_MOST)
    assert kept.found[0] == {"kind": "MISSING_HERE", "payment_id": "", "reference": "pi_0"}
    assert (kept.provider_payments, kept.our_payments) == (3, 2)


async def test_age_is_that_of_the_newest_payments_that_were_compared(database: Database, store: Store) -> None:
    async with database.session() as session:
        await REPOSITORY.know(session, "stripe")
        store.set_clock(NOW + DAY)
        await REPOSITORY.know(session, "stripe")
    assert (await books(database))["stripe"] == Books("stripe", 0, None, DAY)
    await add(database, 5, 4)
    await add(database, 2, 1)
    # of long ago: it is as old as before
    store.set_clock(NOW + 2 * DAY)
    await add(database, 30, 29)
    assert (await books(database))["stripe"] == Books("stripe", 0, NOW + 2 * DAY, 3 * DAY)


async def test_spans_that_differ_are_listed_newest_first(database: Database) -> None:
    keys = [await add(database, ago, ago - 1, MISSING) for ago in (5, 3, 4)]
    await add(database, 2, 1)
    async with database.session() as session:
        assert [one.comparison_id for one in await REPOSITORY.differing(session, 2)] == [keys[1], keys[2]]
        assert len(await REPOSITORY.holding(session, "stripe")) == 4


async def test_turn_is_one_replicas_until_it_is_left_or_over(database: Database, store: Store) -> None:
    async with database.session() as session:
        assert not await REPOSITORY.take_turn(session, "stripe", DAY)
        for name in ("stripe", "paypal"):
            await REPOSITORY.know(session, name)
        assert await REPOSITORY.take_turn(session, "stripe", DAY)
        assert not await REPOSITORY.take_turn(session, "stripe", DAY)
        assert await REPOSITORY.take_turn(session, "paypal", DAY)
        await REPOSITORY.leave_turn(session, "stripe", timedelta(0))
        assert await REPOSITORY.take_turn(session, "stripe", DAY)
        store.set_clock(NOW + DAY)
        assert await REPOSITORY.take_turn(session, "stripe", DAY)


class On:
    """A provider that is on."""

    def __init__(self, name: str) -> None:
        self.name = name

    def show_circuits(self) -> None:
        """Show none."""


def shown(series: str, provider: str) -> float | None:
    return REGISTRY.get_sample_value(f"fusionxpay_reconciliation_{series}", {"provider": provider})


async def test_every_replica_shows_what_any_of_them_compared(database: Database) -> None:
    """Each showed what it had compared itself, and two disagreed for ever."""
    name, off = f"on_{uuid4().hex}", f"off_{uuid4().hex}"
    await add(database, 3, 2, MISSING, provider=name)
    await add(database, 3, 2, MISSING, provider=off)
    providers: Any = [On(name)]
    await Measures(database, MeasureRepository(), providers)._look()
    assert shown("differences", name) == 1
    assert shown("last_success_time", name) == NOW.timestamp()
    assert shown("age_seconds", name) == (2 * DAY).total_seconds()
    assert shown("differences", off) is None


@pytest.mark.parametrize(
    ("since", "until", "found"),
    [
        (NOW, NOW + MOMENT, {MINE}),
        (NOW, NOW, set()),
        (NOW - MOMENT, NOW + 2 * MOMENT, {BEFORE, MINE, AFTER}),
        (NOW - MOMENT, NOW + MOMENT, {BEFORE, MINE}),
    ],
)
async def test_payments_of_a_span_through_the_platforms_account(
    database: Database, since: datetime, until: datetime, found: set[UUID]
) -> None:
    times = {BEFORE: NOW - MOMENT, MINE: NOW, AFTER: NOW + MOMENT}
    rows = [replace(payment_of(key), provider="stripe", create_time=time) for key, time in times.items()]
    rows += [
        replace(payment_of(UUID(int=0x40)), provider="stripe", create_time=NOW, account_id=MINE),
        replace(payment_of(UUID(int=0x50)), provider="paypal", create_time=NOW),
    ]
    async with database.session() as session:
        await store_payments(session, *rows)
        read = await REPOSITORY.created(session, "stripe", since, until, 10)
        assert {one.payment_id for one in read} == found
        assert len(await REPOSITORY.created(session, "stripe", since, until, 1)) == min(len(found), 1)


REVIEW = Review(
    review_id=MINE, kind=ReviewKind.AMOUNT_DIFFERS, payment_id=MINE, merchant_id=MINE, order_id=MINE, refund_id=None,
    attempt=2, amount=Money(900, "EUR"), provider="stripe", provider_reference="pi_1", reason="", create_time=NOW,
    resolution=Resolution.NOT_CAPTURED, resolved_by="ops", why="done", resolve_time=NOW, held=False,
)  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "is_capture"),
    [
        ({}, True),
        ({"held": True}, None),
        ({"held": None}, None),
        ({"resolution": Resolution.GIVE_BACK}, None),
        ({"resolution": None, "resolve_time": None}, None),
        ({"resolved_by": "gateway"}, None),
        ({"kind": ReviewKind.FOREIGN_CAPTURE, "held": None}, True),
        ({"kind": ReviewKind.SURPLUS_KEPT, "held": None}, False),
        ({"kind": ReviewKind.UNKNOWN_OUTCOME, "held": None}, None),
        # more went back than there was
        ({"refund_id": MINE, "held": None}, False),
        ({"refund_id": MINE}, None),
        ({"kind": ReviewKind.UNKNOWN_REFUND, "refund_id": MINE, "held": None}, None),
        ({"payment_id": AFTER}, None),
    ],
)
async def test_money_that_a_person_has_dealt_with_is_what_an_answer_says(
    database: Database, changes: dict[str, Any], is_capture: bool | None
) -> None:
    async with database.session() as session:
        await _put(session, replace(REVIEW, **changes))
        found = await ReviewRepository().dealt_with(session, [MINE, BEFORE])
    expected = {} if is_capture is None else {MINE: [DealtWith("pi_1", 2, Money(900, "EUR"), is_capture)]}
    assert found == expected


async def _put(session: Session, review: Review) -> None:
    assert await ReviewRepository().insert(session, review)
