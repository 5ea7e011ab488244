"""What was said about one payment is told of it alone, in the order of time, with the webhooks that are about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

import pytest

from mesh.errors import ApiError
from mesh.storage.database import Database
from mesh.storage.history import Change, Entry, Origin
from payment_svc.domain.payment import Attempt, AttemptStatus, PaymentStatus
from payment_svc.domain.provider_call import Exchange, Keep, ProviderCall, Webhook
from payment_svc.providers.call_log import CallLog
from payment_svc.storage.payments import PaymentRepository
from payment_svc.storage.provider_calls import DELETE_OLD, ProviderCallRepository
from payment_svc.storage.provider_events import Note, StoredEvent, WebhookRepository
from payment_svc.use_cases.exchanges import BATCH, Exchanges
from tests.support.databases.simulated import Store
from tests.support.payment_rows import payment_of, store_payments
from tests.support.rows import AFTER, BEFORE, MINE, NOW

REPOSITORY = ProviderCallRepository()
ACCOUNT = UUID(int=7)
SECOND = timedelta(seconds=1)
CALL = ProviderCall(
    UUID(int=100), MINE, NOW, "stripe", "start", "POST", "/v1/payment_intents", 200, 812_000, "req_1", "key", "",
    "trace", '{"amount":"1200"}', '{"id":"pi_m"}',
)  # fmt: skip


def calls_at(*seconds: int, payment_id: UUID = MINE, first: int = 100) -> list[ProviderCall]:
    return [
        replace(CALL, call_id=UUID(int=first + number), payment_id=payment_id, time=NOW + number * SECOND)
        for number in seconds
    ]


def exchanges(database: Database, log: CallLog | None = None) -> Exchanges:
    return Exchanges(database, PaymentRepository(), REPOSITORY, log or CallLog(Keep.ALL))


def told(found: Sequence[Exchange]) -> list[tuple[datetime, str]]:
    return [(one.time, getattr(one.of, "event_id", "") or getattr(one.of, "path", "")) for one in found]


async def store_event(
    database: Database,
    event_id: str,
    seconds: int,
    payload: bytes,
    order_id: UUID,
    account: UUID | None = None,
    reason: str = "",
) -> None:
    event = StoredEvent("stripe", account, event_id, "paid", payload, "trace", 1, NOW + seconds * SECOND)
    entry = Entry(Change(order_id, "webhook", event_id, 0, "APPLIED", NOW), Origin("provider", "webhook", "trace"))
    async with database.session() as session:
        await WebhookRepository().receive(session, [Note(event, "APPLIED", reason, entries=[entry])])


async def test_calls_and_webhooks_are_told_in_the_order_of_time(database: Database) -> None:
    mine = payment_of(MINE)
    async with database.session() as session:
        await store_payments(session)
        await REPOSITORY.add(session, [*calls_at(0, 2), *calls_at(1, payment_id=BEFORE, first=200)])
    await store_event(database, "evt_1", 1, b'{"id":"evt_1","email":"kim@example.com"}', mine.order_id)
    await store_event(database, "evt_other_order", 1, b"{}", AFTER)
    await store_event(database, "evt_other_account", 1, b"{}", mine.order_id, ACCOUNT)
    found, has_older = await exchanges(database).of_payment(mine.merchant_id, MINE, 10)
    assert told(found) == [
        (NOW, "/v1/payment_intents"),
        (NOW + SECOND, "evt_1"),
        (NOW + 2 * SECOND, "/v1/payment_intents"),
    ]
    assert [one.request for one in found] == ['{"amount":"1200"}', '{"id":"evt_1"}', '{"amount":"1200"}']
    assert not has_older
    newest, has_older = await exchanges(database).of_payment(mine.merchant_id, MINE, 2)
    assert (told(newest), has_older) == (told(found)[1:], True)


async def test_webhook_that_names_another_payment_of_the_order_is_left_out(database: Database) -> None:
    first = payment_of(MINE, attempts=(Attempt(1, "stripe", "pi_m", AttemptStatus.OPEN, None, NOW, None, ACCOUNT),))
    async with database.session() as session:
        await store_payments(session, first, payment_of(AFTER, order_id=first.order_id, status=PaymentStatus.FAILED))
    await store_event(database, "evt_mine", 1, str(MINE).encode(), first.order_id, ACCOUNT)
    await store_event(database, "evt_thin", 2, b"{}", first.order_id, ACCOUNT)
    await store_event(database, "evt_other", 3, str(AFTER).encode(), first.order_id, ACCOUNT)
    found, _ = await exchanges(database).of_payment(first.merchant_id, MINE, 10)
    assert [one[1] for one in told(found)] == ["evt_mine", "evt_thin"]
    newest, has_older = await exchanges(database).of_payment(first.merchant_id, MINE, 1)
    # two were read, of which one is the other's
    assert (told(newest), has_older) == ([(NOW + 2 * SECOND, "evt_thin")], True)


async def test_reason_why_a_webhook_waits_has_nobodys_address_in_it(database: Database) -> None:
    first = payment_of(MINE, attempts=(Attempt(1, "stripe", "pi_m", AttemptStatus.OPEN, None, NOW, None, None),))
    async with database.session() as session:
        await store_payments(session, first)
    await store_event(database, "evt_1", 1, b"{}", first.order_id, reason="kim@example.com has sk_live_aaaabbbbcccc")
    ((only,), _) = await exchanges(database).of_payment(first.merchant_id, MINE, 2)
    assert isinstance(only.of, Webhook)
    assert only.of.reason == "[redacted] has [redacted]"


async def test_event_of_another_merchants_is_not_shown_for_one_of_the_same_id(database: Database) -> None:
    """Whoever has an account of their own signs any id, and the platform's account has events of all merchants."""
    own = Attempt(1, "stripe", "pi_m", AttemptStatus.FAILED, None, NOW, NOW, ACCOUNT)
    platform = Attempt(2, "stripe", "pi_p", AttemptStatus.OPEN, None, NOW, None, None)
    mine = payment_of(MINE, attempts=(own, platform))
    async with database.session() as session:
        await store_payments(session, mine)
    of_another = b'{"id":"evt_1","data":{"object":{"id":"pi_of_another"}}}'
    for account, payload in ((ACCOUNT, b'{"id":"evt_1"}'), (None, of_another)):
        await store_event(database, "evt_1", 1, payload, mine.order_id, account)
    await store_event(database, "evt_2", 2, b'{"id":"evt_2","data":{"object":{"id":"pi_p"}}}', mine.order_id)
    found, _ = await exchanges(database).of_payment(mine.merchant_id, MINE, 10)
    assert [one.request for one in found] == ['{"id":"evt_1"}', '{"id":"evt_2","data":{"object":{"id":"pi_p"}}}']


async def test_payment_of_another_merchant_is_not_there(database: Database) -> None:
    async with database.session() as session:
        await store_payments(session)
        await REPOSITORY.add(session, calls_at(0))
    with pytest.raises(ApiError, match="payment"):
        await exchanges(database).of_payment(UUID(int=99), MINE, 10)


async def test_what_was_heard_is_written_in_one_statement_and_once(database: Database, store: Store) -> None:
    log = CallLog(Keep.ALL)
    for call in calls_at(*range(BATCH + 1)):
        log.add(call)
    writer = exchanges(database, log)
    assert await writer.step()
    assert not await writer.step()
    assert store.count("SELECT count(*) FROM provider_calls") == BATCH + 1
    assert store.count("SELECT count(DISTINCT xmin::text) FROM provider_calls") == 2
    # the answer to a write was lost
    log.add(CALL)
    await writer.close()
    assert store.count("SELECT count(*) FROM provider_calls") == BATCH + 1
    (row,) = store.rows("SELECT * FROM provider_calls WHERE call_id = '00000000-0000-0000-0000-000000000064'")
    assert (row.provider, row.path, row.duration_us) == ("stripe", "/v1/payment_intents", 812_000)
    async with database.session() as session:
        newest = await REPOSITORY.newest(session, MINE, BATCH + 1)
    assert newest[-1] == CALL


async def test_what_cannot_be_written_is_kept_until_it_can(database: Database, store: Store) -> None:
    log = CallLog(Keep.ALL)
    log.add(CALL)
    store.look.execute("ALTER TABLE provider_calls RENAME TO elsewhere")
    try:
        with pytest.raises(Exception, match="provider_calls"):
            await exchanges(database, log).step()
    finally:
        store.look.execute("ALTER TABLE elsewhere RENAME TO provider_calls")
    await exchanges(database, log).step()
    assert store.count("SELECT count(*) FROM provider_calls") == 1


async def test_one_that_can_never_be_written_holds_up_no_other(database: Database, store: Store) -> None:
    log = CallLog(Keep.ALL)
    first, broken, behind = calls_at(0, 1, 2)
    for call in (first, replace(broken, path="/transfers/\0"), replace(broken, error="\ud800"), behind):
        log.add(call)
    await exchanges(database, log).step()
    assert store.count("SELECT count(*) FROM provider_calls") == 2
    assert log.take(10) == []


async def test_the_oldest_are_deleted(database: Database, store: Store) -> None:
    async with database.session() as session:
        await REPOSITORY.add(session, calls_at(0, 10, 20))
        store.set_clock(NOW + timedelta(days=90, seconds=15))
        assert await session.run(DELETE_OLD, period=timedelta(days=90)) == 2
    assert store.rows("SELECT call_id FROM provider_calls")[0].call_id == UUID(int=120)
