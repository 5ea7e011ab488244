"""Every statement about reviews and disputes means one row, or those of one payment, in its state, and no other."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from mesh.money import Money
from mesh.storage.database import Database, Session
from mesh.storage.listing import Listing
from payment_svc.domain.dispute import Dispute, DisputeStatus
from payment_svc.domain.review import Resolution, Review, ReviewKind
from payment_svc.storage.disputes import DisputeRepository
from payment_svc.storage.reviews import ReviewRepository
from tests.support.databases.simulated import Store
from tests.support.rows import AFTER, BEFORE, MINE, NAMES, NOW, Watch, ids

K = ReviewKind
DAY = timedelta(days=1)
REVIEWS, DISPUTES = ReviewRepository(), DisputeRepository()
REVIEW = Review(
    review_id=MINE, kind=K.AMOUNT_DIFFERS, payment_id=MINE, merchant_id=MINE, order_id=MINE, refund_id=None, attempt=1,
    amount=Money(1100, "EUR"), provider="stripe", provider_reference="pi_1", reason="odd", create_time=NOW, held=False,
)  # fmt: skip
ANSWER: dict[str, Any] = {
    "resolution": Resolution.NOT_CAPTURED,
    "resolved_by": "ada",
    "why": "seen",
    "resolve_time": NOW,
}
DISPUTE = Dispute(
    dispute_id=MINE, payment_id=MINE, merchant_id=MINE, order_id=MINE, provider="stripe", provider_reference="dp_m",
    amount=Money(1200, "EUR"), status=DisputeStatus.NEEDS_RESPONSE, reason="fraud", respond_before=NOW, version=1,
    create_time=NOW, update_time=NOW,
)  # fmt: skip


def review_of(key: UUID, **changes: Any) -> Review:
    """Return the question of a row, about a payment of the same number."""
    return replace(REVIEW, **{"review_id": key, "payment_id": key, "merchant_id": key} | changes)


def dispute_of(key: UUID, **changes: Any) -> Dispute:
    mine: dict[str, Any] = {
        "dispute_id": key,
        "payment_id": key,
        "merchant_id": key,
        "provider_reference": f"dp_{NAMES[key]}",
    }
    return replace(DISPUTE, **mine | changes)


CHANGES: dict[str, Callable[[Session], Awaitable[object]]] = {
    "resolve": lambda s: REVIEWS.resolve(s, review_of(MINE, **ANSWER)),
    "close": lambda s: REVIEWS.close(s, MINE, [K.AMOUNT_DIFFERS], Resolution.NOT_CAPTURED, "known"),
    "put anew": lambda s: REVIEWS.insert(s, review_of(UUID(int=9), payment_id=MINE, amount=Money(1, "EUR"))),
}


@pytest.mark.parametrize("change", CHANGES)
async def test_one_question_is_changed(database: Database, store: Store, change: str) -> None:
    async with database.session() as session:
        assert [await REVIEWS.insert(session, review_of(one)) for one in ids] == [True] * 3
        with Watch(store, "reviews", "review_id") as watch:
            await CHANGES[change](session)
    assert watch.changed == {MINE}


@pytest.mark.parametrize("more", [{}, ANSWER])
async def test_one_question_is_read_as_it_was_stored(database: Database, more: dict[str, Any]) -> None:
    kept = review_of(MINE, confirmed_by="bob", refund_id=AFTER, **more)
    async with database.session() as session:
        for one in (review_of(BEFORE), kept, review_of(AFTER)):
            await REVIEWS.insert(session, one)
        assert await REVIEWS.get(session, MINE) == kept
        assert await REVIEWS.lock(session, MINE) == kept
        assert await REVIEWS.open_ones(session, MINE, K.AMOUNT_DIFFERS) == ([] if more else [kept])
        for kind in set(K) - {K.AMOUNT_DIFFERS}:
            assert await REVIEWS.open_ones(session, MINE, kind) == []


async def test_questions_are_listed_oldest_first_from_one_on(database: Database) -> None:
    async with database.session() as session:
        for one in (review_of(AFTER), review_of(BEFORE), review_of(MINE, **ANSWER), review_of(UUID(int=0x40))):
            await REVIEWS.insert(session, one)
        pages = [
            await REVIEWS.page(session, resolved=resolved, after=after, limit=limit)
            for resolved, after, limit in ((False, None, 2), (True, None, 3), (True, BEFORE, 2), (False, AFTER, 9))
        ]
    assert [[one.review_id.int for one in page] for page in pages] == [
        [0x10, 0x30], [0x10, 0x20, 0x30], [0x20, 0x30], [0x40],
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "closes"),
    [
        ({}, True),
        ({"kind": K.UNKNOWN_OUTCOME}, True),
        ({"kind": K.SURPLUS_KEPT}, False),
        ({"refund_id": BEFORE}, False),
        (ANSWER, False),
    ],
)
async def test_fact_closes_questions_of_its_kinds(
    database: Database, store: Store, changes: dict[str, Any], closes: bool
) -> None:
    async with database.session() as session:
        await REVIEWS.insert(session, review_of(MINE, **changes))
        with Watch(store, "reviews", "review_id") as watch:
            kinds = [K.AMOUNT_DIFFERS, K.UNKNOWN_OUTCOME]
            await REVIEWS.close(session, MINE, kinds, Resolution.CAPTURED, "known")
        found = await REVIEWS.get(session, MINE)
    assert bool(watch.changed) is closes
    assert found
    assert (found.resolved_by == "gateway") is closes


async def test_fact_about_a_refund_closes_its_questions_alone(database: Database, store: Store) -> None:
    async with database.session() as session:
        for one in ids:
            await REVIEWS.insert(session, review_of(one, payment_id=MINE, refund_id=one, provider_reference=str(one)))
        with Watch(store, "reviews", "review_id") as watch:
            await REVIEWS.close(session, MINE, [K.AMOUNT_DIFFERS], Resolution.CAPTURED, "known", MINE)
    assert watch.changed == {MINE}


@pytest.mark.parametrize(
    ("changes", "is_put"),
    [
        ({}, False),
        ({"amount": Money(1101, "EUR")}, True),
        ({"amount": Money(1099, "EUR")}, True),
        ({"amount": Money(1100, "USD")}, True),
        ({"held": True}, True),
        ({"held": None, "amount": Money(1, "EUR")}, False),
        ({"kind": K.FOREIGN_CAPTURE}, True),
        ({"attempt": 2}, True),
        ({"provider_reference": "pi_2"}, True),
    ],
)
async def test_open_question_is_put_again_of_other_money_only(
    database: Database, changes: dict[str, Any], is_put: bool
) -> None:
    async with database.session() as session:
        await REVIEWS.insert(session, review_of(MINE, resolution=Resolution.GIVE_BACK, resolved_by="ada", why="hm"))
        again = review_of(UUID(int=9), payment_id=MINE, reason="anew", **changes)
        assert await REVIEWS.insert(session, again) is is_put
        found = await REVIEWS.get(session, MINE)
    is_other = {"kind", "attempt", "provider_reference"} & changes.keys()
    if is_put and not is_other:
        assert found == replace(again, review_id=MINE, merchant_id=MINE)
    else:
        assert found
        assert (found.reason, found.resolved_by) == ("odd", "ada")


@pytest.mark.parametrize(
    ("changes", "was_answered"),
    [
        ({}, True),
        *(({"payment_id": other}, False) for other in (BEFORE, AFTER)),
        *(({"kind": kind}, False) for kind in (K.FOREIGN_CAPTURE, K.SURPLUS_KEPT)),
        *(({"provider_reference": name}, False) for name in ("pi_0", "pi_2")),
        *(({"amount": Money(minor, "EUR")}, False) for minor in (1099, 1101)),
        *(({"amount": Money(1100, currency)}, False) for currency in ("CHF", "USD")),
    ],
)
async def test_same_question_was_answered_before(
    database: Database, changes: dict[str, Any], was_answered: bool
) -> None:
    async with database.session() as session:
        await REVIEWS.insert(session, review_of(MINE, **ANSWER))
        assert await REVIEWS.was_answered(session, review_of(MINE, **changes)) is was_answered


async def test_question_that_is_open_was_not_answered(database: Database) -> None:
    async with database.session() as session:
        await REVIEWS.insert(session, REVIEW)
        assert not await REVIEWS.was_answered(session, REVIEW)
        await REVIEWS.resolve(session, replace(REVIEW, **ANSWER))
        await REVIEWS.resolve(session, replace(REVIEW, **ANSWER | {"why": "late"}))
        found = await REVIEWS.get(session, MINE)
    assert found
    assert found.why == "seen"


async def test_one_dispute_is_changed_and_read(database: Database, store: Store) -> None:
    hour = timedelta(hours=1)
    moved = {"withdrawn": 900, "withdraw_time": NOW + hour, "reinstate_time": NOW + 2 * hour, "in_refunds": True}
    won = dispute_of(MINE, status=DisputeStatus.WON, version=2, update_time=NOW + hour, **moved)
    async with database.session() as session:
        assert [await DISPUTES.insert(session, dispute_of(one), DAY) for one in ids] == [True] * 3
        assert not await DISPUTES.insert(session, dispute_of(MINE, dispute_id=UUID(int=9)), DAY)
        for version in (1, 3):
            with Watch(store, "disputes", "dispute_id") as watch, pytest.raises(RuntimeError):
                await DISPUTES.update(session, replace(won, version=version), None)
            assert not watch.changed
        with Watch(store, "disputes", "dispute_id") as watch:
            await DISPUTES.update(session, won, None)
        assert watch.changed == {MINE}
        assert [await DISPUTES.get(session, one, MINE) for one in ids] == [None, won, None]
        assert [await DISPUTES.lock(session, one, "dp_m") for one in ("a", "stripe", "z")] == [None, won, None]
        assert [await DISPUTES.version(session, one, "dp_m") for one in ("a", "stripe", "z")] == [0, 2, 0]
        for name in ("dp_b", "dp_n"):
            assert await DISPUTES.lock(session, "stripe", name) is None
            assert await DISPUTES.version(session, "stripe", name) == 0
        assert await DISPUTES.page(session, Listing({"merchant_id": MINE}), after=None, limit=3) == [won]


async def test_open_disputes_are_due_in_turn(database: Database) -> None:
    late, early, later = dispute_of(BEFORE), dispute_of(MINE), dispute_of(AFTER)
    won = dispute_of(MINE, dispute_id=UUID(int=77), provider_reference="dp_w", status=DisputeStatus.WON)
    async with database.session() as session:
        for one, wait in ((late, -DAY), (early, -2 * DAY), (later, DAY), (won, -3 * DAY)):
            await DISPUTES.insert(session, one, wait)
        assert await DISPUTES.claim_due(session, DAY, 1) == [early]
        assert await DISPUTES.claim_due(session, DAY, 9) == [late]
        assert await DISPUTES.claim_due(session, DAY, 9) == []
        await DISPUTES.update(session, replace(late, version=2), -DAY)
        assert await DISPUTES.claim_due(session, DAY, 9) == [replace(late, version=2)]
