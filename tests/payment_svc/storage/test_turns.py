"""Which webhooks are claimed: accounts take turns, and none has more than its share under way."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import timedelta

import pytest

from mesh.money import Money
from mesh.storage.database import Database
from payment_svc.domain.payment import Received
from payment_svc.domain.review import Resolution, Review, ReviewKind
from payment_svc.storage.provider_events import Note, StoredEvent, WebhookRepository, key_of
from payment_svc.storage.reviews import ReviewRepository
from tests.support.rows import NOW

LEASE = timedelta(minutes=1)
ACCOUNTS = {"a": None, "b": uuid.UUID(int=1), "c": uuid.UUID(int=2)}


def came(name: str, number: int, wait: timedelta | None = timedelta(0)) -> Note:
    event = StoredEvent("stripe", ACCOUNTS[name], f"{name}{number}", "t", b"", "trace", 0, NOW)
    return Note(event, "PENDING", wait=wait and wait + timedelta(seconds=number))


async def claimed(database: Database, limit: int, share: int = 2, **busy: int) -> list[str]:
    under_way = {key_of(came(name, 0).event): count for name, count in busy.items()}
    async with database.session() as session:
        events = await WebhookRepository().claim_events(session, LEASE, limit, share=share, busy=under_way)
    return sorted(one.event_id for one in events)


@pytest.mark.parametrize(
    ("limit", "share", "busy", "taken"),
    [
        (10, 10, {}, ["a1", "a2", "a3", "b1", "b2", "c1"]),
        (10, 2, {}, ["a1", "a2", "b1", "b2", "c1"]),
        (3, 2, {}, ["a1", "b1", "c1"]),
        (10, 2, {"a": 1}, ["a1", "b1", "b2", "c1"]),
        (10, 2, {"a": 2}, ["b1", "b2", "c1"]),
        (10, 2, {"a": 3, "b": 2}, ["c1"]),
        # who has some under way already comes after those who have none
        (2, 3, {"a": 1}, ["b1", "c1"]),
        (2, 3, {"a": 1, "c": 1}, ["a1", "b1"]),
        (0, 2, {}, []),
    ],
)
async def test_accounts_take_turns(
    database: Database, limit: int, share: int, busy: dict[str, int], taken: list[str]
) -> None:
    late = timedelta(hours=-1)
    due = [came("a", n, late) for n in (1, 2, 3)] + [came("b", n, late) for n in (1, 2)] + [came("c", 1, late)]
    async with database.session() as session:
        await WebhookRepository().receive(session, [*due, came("c", 2, LEASE), came("b", 3, None)])
    assert await claimed(database, limit, share, **busy) == taken


async def test_what_is_claimed_is_nobody_elses_until_its_lease_is_over(database: Database) -> None:
    async with database.session() as session:
        assert list(await WebhookRepository().receive(session, [came("a", 1, timedelta(hours=-1))])) == [True]
        assert list(await WebhookRepository().receive(session, [came("a", 1, timedelta(hours=-1))])) == [False]
    assert await claimed(database, 1) == ["a1"]
    assert await claimed(database, 1) == []


QUESTION = Review(
    review_id=uuid.UUID(int=1), kind=ReviewKind.AMOUNT_DIFFERS, payment_id=uuid.UUID(int=2),
    merchant_id=uuid.UUID(int=3), order_id=uuid.UUID(int=4), refund_id=None, attempt=1, amount=Money(1100, "EUR"),
    provider="stripe", provider_reference="pi_1", reason="", create_time=NOW, held=False,
    resolution=Resolution.NOT_CAPTURED, resolved_by="ada", why="seen", resolve_time=NOW,
)  # fmt: skip
SEEN = Received(1, "stripe", "pi_1", Money(1100, "EUR"), False)


@pytest.mark.parametrize(
    ("asked", "seen", "answered"),
    [
        (QUESTION, SEEN, True),
        (replace(QUESTION, provider_reference=""), SEEN, False),
        (QUESTION, replace(SEEN, reference=""), True),
        (QUESTION, replace(SEEN, reference="pi_0"), False),
        (QUESTION, replace(SEEN, reference="pi_2"), False),
        (QUESTION, replace(SEEN, amount=Money(1099, "EUR")), False),
        (QUESTION, replace(SEEN, amount=Money(1101, "EUR")), False),
        (QUESTION, replace(SEEN, amount=Money(1100, "CHF")), False),
        (QUESTION, replace(SEEN, amount=Money(1100, "USD")), False),
        (QUESTION, replace(SEEN, is_held=True), False),
        (replace(QUESTION, held=True), SEEN, False),
        (replace(QUESTION, held=True), replace(SEEN, is_held=True), True),
        (replace(QUESTION, kind=ReviewKind.UNKNOWN_OUTCOME), SEEN, False),
        (replace(QUESTION, kind=ReviewKind.FOREIGN_CAPTURE), SEEN, False),
        (replace(QUESTION, refund_id=uuid.UUID(int=5)), SEEN, False),
        (replace(QUESTION, resolution=None, resolve_time=None), SEEN, False),
    ],
)
async def test_person_has_spoken_about_this_very_money_or_not(
    database: Database, asked: Review, seen: Received, answered: bool
) -> None:
    async with database.session() as session:
        assert await ReviewRepository().insert(session, asked)
        assert await ReviewRepository().is_answered(session, asked.payment_id, seen) is answered
        for other in (uuid.UUID(int=1), uuid.UUID(int=9)):
            assert not await ReviewRepository().is_answered(session, other, seen)
