"""Every statement about webhooks means one event of one account, in its state, and no other."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from mesh.storage.database import Database, Session
from mesh.storage.history import Change, Entry, Origin
from payment_svc.storage.measures import MeasureRepository, Open
from payment_svc.storage.provider_events import DELETE_OLD, Note, StoredEvent, WebhookRepository
from tests.support.databases.simulated import Store
from tests.support.rows import AFTER, BEFORE, MINE, MOMENT, NOW

REPOSITORY = WebhookRepository()
LEASE, WAIT = timedelta(minutes=1), timedelta(minutes=3)
EVENT = StoredEvent("stripe", MINE, "e-m", "paid", b"{}", "trace", 1, NOW, "00-1")
NEIGHBOURS = [
    replace(EVENT, **{name: value})  # type: ignore[arg-type]
    for name, values in {
        "provider": ("paypal", "zpay"),
        "account_id": (BEFORE, AFTER, None),
        "event_id": ("e-a", "e-z"),
    }.items()
    for value in values
]
ENTRY = Entry(Change(MINE, "event", "e-m", 0, "RECEIVED", NOW), Origin("provider", "webhook", "trace"))


def rows(store: Store) -> dict[tuple[str, ...], Any]:
    return {(row.provider, row.account, row.event_id): row for row in store.rows("SELECT * FROM provider_events")}


async def put(session: Session, *events: StoredEvent, wait: timedelta | None = WAIT, **more: Any) -> list[bool]:
    return list(await REPOSITORY.receive(session, [Note(one, "PENDING", wait=wait, **more) for one in events]))


async def claimed(session: Session, limit: int = 9) -> list[StoredEvent]:
    return list(await REPOSITORY.claim_events(session, LEASE, limit, share=9, busy={}))


async def received_again(session: Session) -> None:
    await REPOSITORY.note(session, [Note(EVENT, "DEAD")])
    await put(session, EVENT)


CHANGES: dict[str, Callable[[Session], Awaitable[object]]] = {
    "note": lambda s: REPOSITORY.note(s, [Note(EVENT, "APPLIED", "done")]),
    "receive": received_again,
}


@pytest.mark.parametrize("change", CHANGES)
async def test_one_event_is_changed(database: Database, store: Store, change: str) -> None:
    async with database.session() as session:
        await put(session, EVENT, *NEIGHBOURS)
        before = rows(store)
        await CHANGES[change](session)
        if change == "receive":
            # noted as dead, and alive again: as it was
            assert rows(store) == before
            return
    now = rows(store)
    assert {key for key in before if before[key] != now[key]} == {("stripe", str(MINE), "e-m")}


async def test_event_is_claimed_as_it_came_and_tries_are_counted(database: Database, store: Store) -> None:
    async with database.session() as session:
        assert await put(session, EVENT, *NEIGHBOURS) == [True] * 8
        assert await put(session, EVENT, *NEIGHBOURS) == [False] * 8
        assert await claimed(session) == []
        await REPOSITORY.note(session, [Note(EVENT, "PENDING", wait=timedelta(0))])
        assert await claimed(session) == [replace(EVENT, attempts=2)]
        assert await claimed(session) == []
        assert rows(store)["stripe", str(MINE), "e-m"].next_attempt_time == NOW + LEASE


@pytest.mark.parametrize(("wait", "is_due"), [(timedelta(0), True), (MOMENT, False), (None, False)])
async def test_event_is_due_at_its_time(database: Database, wait: timedelta | None, is_due: bool) -> None:
    async with database.session() as session:
        await put(session, EVENT, wait=wait)
        assert bool(await claimed(session)) is is_due


async def test_every_accounts_events_are_claimed_where_others_have_more(database: Database) -> None:
    """Whichever account is looked at after which."""
    events = [
        replace(one, event_id=f"{one.event_id}{number}")
        for number in range(2)
        for one in (EVENT, *NEIGHBOURS)
    ]  # fmt: skip
    async with database.session() as session:
        for number, one in enumerate(events):
            await put(session, one, wait=-number * MOMENT)
        some = await claimed(session, 6)
        assert len({(one.provider, one.account_id) for one in some}) == 6
        assert len({(one.provider, one.account_id, one.event_id) for one in some + await claimed(session, 99)}) == 16


@pytest.mark.parametrize("status", ["PENDING", "APPLIED", "IGNORED", "QUARANTINED", "DEAD"])
async def test_event_that_was_given_up_comes_to_life_when_it_comes_again(
    database: Database, store: Store, status: str
) -> None:
    async with database.session() as session:
        await put(session, EVENT)
        await REPOSITORY.note(session, [Note(replace(EVENT, attempts=9), status, "why")])
        before = rows(store)
        revives = status in ("DEAD", "QUARANTINED")
        assert await put(session, EVENT) == [revives]
        assert (rows(store) == before) is not revives
    (now,) = rows(store).values()
    assert (now.status, now.attempts) == (("PENDING", 1) if revives else (status, 9))


async def test_timeline_says_once_that_an_event_came(database: Database, store: Store) -> None:
    async with database.session() as session:
        for _ in range(2):
            await put(session, EVENT, entries=[ENTRY])
        await put(session, *NEIGHBOURS)
        assert [row.resource_id for row in store.rows("SELECT * FROM history")] == ["e-m"]
        await REPOSITORY.note(session, [Note(EVENT, "APPLIED", entries=[ENTRY, ENTRY])])
    assert store.count("SELECT count(*) FROM history") == 3


@pytest.mark.parametrize(("age", "wait", "is_gone"), [
    (WAIT, None, False), (WAIT + MOMENT, None, True), (WAIT + MOMENT, timedelta(0), False),
])  # fmt: skip
async def test_old_events_that_wait_for_nothing_are_deleted(
    database: Database, store: Store, age: timedelta, wait: timedelta | None, is_gone: bool
) -> None:
    async with database.session() as session:
        await put(session, EVENT, wait=wait)
        store.set_clock(NOW + age)
        await session.run(DELETE_OLD, period=WAIT)
    assert bool(rows(store)) is not is_gone


@pytest.mark.parametrize(
    "busy", [("paypal", ""), ("stripe", ""), ("zpay", ""), ("stripe", str(BEFORE)), ("stripe", str(AFTER))]
)
async def test_account_that_is_busy_holds_up_no_other(database: Database, busy: tuple[str, str]) -> None:
    accounts = [("paypal", None), ("stripe", None), ("zpay", None), ("stripe", BEFORE), ("stripe", AFTER)]
    events = [replace(EVENT, provider=provider, account_id=account) for provider, account in accounts]
    async with database.session() as session:
        await put(session, *events, wait=timedelta(0))
        due = await REPOSITORY.claim_events(session, LEASE, 9, share=2, busy={busy: 2})
    assert sorted((one.provider, str(one.account_id or "")) for one in due) == sorted(
        (provider, str(account or "")) for provider, account in accounts if (provider, str(account or "")) != busy
    )


async def test_event_that_is_to_be_tried_again_is_due_after_its_wait(database: Database, store: Store) -> None:
    async with database.session() as session:
        await put(session, EVENT)
        await REPOSITORY.note(session, [Note(EVENT, "PENDING", "away", LEASE)])
        (now,) = rows(store).values()
        assert (now.next_attempt_time, now.reason) == (NOW + LEASE, "away")
        await REPOSITORY.note(session, [Note(EVENT, "APPLIED")])
    (now,) = rows(store).values()
    assert now.next_attempt_time is None


async def test_events_that_wait_are_counted_by_whose_account_they_came_for(database: Database, store: Store) -> None:
    hour = timedelta(hours=1)
    waiting = [replace(EVENT, event_id=f"w-{age}", receive_time=NOW - age * hour) for age in (1, 3)]
    ours = [replace(EVENT, account_id=None, receive_time=NOW - 2 * hour)]
    async with database.session() as session:
        await put(session, *waiting, *ours)
        await put(session, replace(EVENT, event_id="done", receive_time=NOW - 9 * hour), wait=None)
        found = await MeasureRepository().events(session)
    assert sorted(found) == [Open("stripe", "", "merchants", 2, 3 * hour), Open("stripe", "", "platform", 1, 2 * hour)]
