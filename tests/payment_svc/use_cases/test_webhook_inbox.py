"""The inbox of webhooks by its parts: who may send, how often an event is tried, and whose turn it is."""

from __future__ import annotations

import asyncio
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import grpc
import pytest
from prometheus_client import REGISTRY

from mesh import context
from mesh.errors import ApiError
from payment_svc.domain.provider_event import Verdict
from payment_svc.domain.webhook_allowlist import WebhookAllowlist
from payment_svc.providers.base import (
    CredentialsRefusedError,
    OutcomeUnknownError,
    ProviderEvent,
    SignatureInvalidError,
    UnavailableError,
)
from payment_svc.storage.provider_events import Note, StoredEvent
from payment_svc.use_cases import webhooks
from payment_svc.use_cases.recovery.loop import Recovery
from payment_svc.use_cases.taken_back.reversals import UndecidedError
from payment_svc.use_cases.webhooks import SHARE, WebhookInbox, WebhookReceiver

NOW = datetime(2026, 1, 1, tzinfo=UTC)
EVENT = StoredEvent("stripe", None, "e1", "t", b"", "trace", 1, NOW)
NOBODY = cast(Any, None)


class Notes:
    """What was noted, rather than stored."""

    def __init__(self) -> None:
        self.made: list[Note] = []

    async def submit(self, note: Note) -> bool:
        """Take a note."""
        self.made.append(note)
        return True


def inbox(age: timedelta = timedelta(0)) -> tuple[WebhookInbox, list[Note]]:
    made, notes = WebhookInbox(NOBODY, NOBODY, NOBODY, clock=lambda: NOW + age), Notes()
    made._notes = cast(Any, notes)
    return made, notes.made


@pytest.mark.parametrize(("age", "wait"), [(0, 0.5), (2, 0.5), (8, 2), (400, 100), (14_400, 3600), (99_999, 3600)])
async def test_event_that_cannot_be_applied_now_waits_a_quarter_of_its_age_and_has_not_failed(
    age: float, wait: float
) -> None:
    of_webhooks, noted = inbox(timedelta(seconds=age))
    for attempts in (3, 2):
        await of_webhooks._wait(replace(EVENT, attempts=attempts), "away", timedelta(days=3))
        expected = Note(replace(EVENT, attempts=attempts - 1), "PENDING", "away", timedelta(seconds=wait))
        assert noted.pop() == expected


DAY = timedelta(days=1)
MOMENT = timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("error", "bound"),
    [
        (CredentialsRefusedError("revoked"), 3 * DAY),
        (UnavailableError("away"), 3 * DAY),
        (OutcomeUnknownError("no answer"), 3 * DAY),
        (ApiError(grpc.StatusCode.NOT_FOUND, "NOT_FOUND", "no such account"), 3 * DAY),
        (UndecidedError("not yet"), 60 * DAY),
    ],
)
async def test_account_that_cannot_be_asked_is_waited_for_and_not_for_ever(error: Exception, bound: timedelta) -> None:
    """Then it is tried as often as what fails: a gateway that was away for as long gives nothing up at once."""

    async def apply(_item: StoredEvent) -> Verdict:
        raise error

    # an answer that nothing is decided yet ends what had failed before
    kept, last = (0, "PENDING") if isinstance(error, UndecidedError) else (9, "DEAD")
    own = replace(EVENT, account_id=uuid.UUID(int=7))
    for age, is_over in ((bound, False), (bound + MOMENT, True)):
        of_webhooks, noted = inbox(age)
        of_webhooks._application = cast(Any, SimpleNamespace(apply=apply))
        await of_webhooks.check(replace(own, attempts=10))
        (note,) = noted
        assert note.status == (last if is_over else "PENDING")
        assert note.event.attempts == (kept + 1 if is_over else kept)
        if not is_over:
            assert note.wait == timedelta(hours=1)
            continue
        await of_webhooks.check(replace(own, attempts=1))
        assert (noted[-1].status, noted[-1].event.attempts, noted[-1].wait) == ("PENDING", 1, timedelta(seconds=0.5))


@pytest.mark.parametrize("age", [3 * DAY + MOMENT, 60 * DAY])
async def test_platforms_own_account_is_waited_for_as_long_as_a_provider_may_take_to_decide(age: timedelta) -> None:
    """Beside a reversal that waited for weeks, one outage of an hour and a half made it dead."""

    async def apply(_item: StoredEvent) -> Verdict:
        raise UnavailableError("away")

    of_webhooks, noted = inbox(age)
    of_webhooks._application = cast(Any, SimpleNamespace(apply=apply))
    await of_webhooks.check(replace(EVENT, account_id=None, attempts=10))
    assert (noted[-1].status, noted[-1].event.attempts) == ("PENDING", 9)


@pytest.mark.parametrize(
    ("account", "status", "counts"),
    [(None, "APPLIED", 1), (None, "DEAD", 1), (uuid.UUID(int=1), "APPLIED", 1), (uuid.UUID(int=1), "DEAD", 0)],
)
def test_merchants_account_that_could_not_be_asked_is_no_lateness_of_ours(
    account: uuid.UUID | None, status: str, counts: int
) -> None:
    def count() -> float:
        return REGISTRY.get_sample_value("fusionxpay_provider_event_seconds_count", {"provider": "counted"}) or 0

    of_webhooks, _ = inbox()
    before = count()
    of_webhooks.count(Note(replace(EVENT, provider="counted", account_id=account), status))
    assert count() == before + counts


async def test_event_that_fails_is_tried_nine_times_more_and_is_dead_then() -> None:
    of_webhooks, noted = inbox()
    for attempts in range(1, 11):
        await of_webhooks._try_again(replace(EVENT, attempts=attempts), "odd")
    waits = [0.5, 2, 5, 15, 30, 60, 300, 900, 3600]
    assert [note.wait for note in noted] == [*(timedelta(seconds=one) for one in waits), None]
    assert [note.status for note in noted] == ["PENDING"] * 9 + ["DEAD"]


def test_account_has_its_share_of_turns_and_who_waited_is_told() -> None:
    of_webhooks, _ = inbox()
    other = replace(EVENT, account_id=uuid.UUID(int=1))
    assert [of_webhooks.keep(EVENT) for _ in range(SHARE + 1)] == [True] * SHARE + [False]
    assert of_webhooks.keep(other)
    assert of_webhooks.give_back(EVENT)
    assert not of_webhooks.give_back(EVENT)
    assert of_webhooks.keep(EVENT)
    assert not of_webhooks.give_back(other)
    assert of_webhooks._busy == Counter({("stripe", ""): SHARE - 1})


def test_what_others_wrote_is_told_shortly_and_where_it_went_wrong() -> None:
    assert webhooks._said(ValueError("ü" + "x" * 300)) == "\\xfc" + "x" * 199
    assert "4242424242424242" not in webhooks._said(ValueError("card 4242424242424242"))
    with pytest.raises(AttributeError) as raised:
        inbox()[0].give_back(cast(Any, None))
    assert "provider_events.py:" in webhooks._place(raised.value)


class Provider:
    """A provider whose signatures are as a test says."""

    name = "stripe"

    def __init__(self, error: Exception | None = None) -> None:
        self._error = error
        self.seen: dict[str, str] = {}

    async def verify(self, body: bytes, headers: dict[str, str], now: datetime) -> None:
        """Verify nothing."""
        self.seen = headers
        if self._error:
            raise self._error

    def translate(self, body: bytes) -> ProviderEvent:
        """Return an event."""
        return ProviderEvent("e1", "t", "pi_1", "", NOW)


class Turns:
    """Nobody has a turn; who waits is counted."""

    def __init__(self) -> None:
        self.inbox = self
        self.woken = 0

    async def echoed(self, *_: object) -> None:
        """Know nothing of it."""

    def keep(self, _event: StoredEvent) -> bool:
        """Keep no turn."""
        return False

    def wake(self) -> None:
        """Count."""
        self.woken += 1


def receiver(provider: Provider, turns: Turns, allowlist: WebhookAllowlist) -> tuple[WebhookReceiver, list[Note]]:
    async def of_webhook(*_: object) -> Provider:
        return provider

    async def shielded(work: Coroutine[Any, Any, Any]) -> Any:
        return await work

    parts: Any = SimpleNamespace(of_webhook=of_webhook), SimpleNamespace(shielded=shielded)
    made = WebhookReceiver(NOBODY, NOBODY, parts[0], allowlist, cast(Any, turns), parts[1], clock=lambda: NOW)
    notes = Notes()
    made._receptions = cast(Any, notes)
    return made, notes.made


OPEN = WebhookAllowlist("")
CLOSED = WebhookAllowlist("stripe=192.0.2.0/24")


async def test_event_is_stored_and_waits_for_its_turn() -> None:
    context.enter(context.Call("trace"))
    provider, turns = Provider(), Turns()
    of_webhooks, noted = receiver(provider, turns, OPEN)
    await of_webhooks.receive("stripe", None, b"body", {"a": "1", "b": "ü"})
    (note,) = noted
    assert (note.event.event_id, note.event.payload, note.event.attempts, note.status) == ("e1", b"body", 0, "PENDING")
    assert (note.wait, turns.woken, provider.seen) == (timedelta(0), 1, {"a": "1"})


async def test_long_body_is_kept_whole_where_the_provider_alone_can_sign_it() -> None:
    of_webhooks, noted = receiver(Provider(), Turns(), OPEN)
    for account_id in (None, uuid.UUID(int=1)):
        await of_webhooks.receive("stripe", account_id, b" " * 10_000, {})
    assert [note.event.payload == b" " * 10_000 for note in noted] == [True, False]


async def test_events_of_which_all_is_known_are_stored_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody has anything to do for them; the first waits a moment for the others of its payment."""

    class Known(Turns):
        async def echoed(self, *_: object) -> Note:  # type: ignore[override]
            return Note(EVENT, "APPLIED")

        def count(self, _note: Note) -> None: ...

    batches: list[int] = []

    async def receive(notes: Sequence[Note]) -> Sequence[bool]:
        batches.append(len(notes))
        return [True] * len(notes)

    monkeypatch.setattr(WebhookReceiver, "_receive", staticmethod(receive))
    of_webhooks, noted = receiver(Provider(), Known(), OPEN)
    async with asyncio.TaskGroup() as webhooks_of_one:
        for turns in (0, 2, 4):
            webhooks_of_one.create_task(_later(of_webhooks.receive("stripe", None, b"", {}), turns))
    assert (batches, noted) == ([3], [])


async def _later(work: Coroutine[Any, Any, None], turns: int) -> None:
    for _ in range(turns):
        await asyncio.sleep(0)
    await work


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (SignatureInvalidError("no"), "WEBHOOK_SIGNATURE_INVALID"),
        (UnavailableError("away"), "PROVIDER_UNAVAILABLE"),
        (ValueError("no JSON"), "WEBHOOK_NOT_AN_EVENT"),
    ],
)
async def test_what_is_not_believed_is_not_stored(error: Exception, reason: str) -> None:
    of_webhooks, noted = receiver(Provider(error), Turns(), OPEN)
    with pytest.raises(ApiError) as refused:
        await of_webhooks.receive("stripe", None, b"", {})
    assert (refused.value.reason, noted) == (reason, [])


@pytest.mark.parametrize(("client", "passes"), [("192.0.2.7", True), ("198.51.100.7", False), ("", False)])
async def test_provider_sends_from_its_own_networks(client: str, passes: bool) -> None:
    context.enter(context.Call("trace"))
    of_webhooks, noted = receiver(Provider(), Turns(), CLOSED)
    reason = ""
    try:
        await of_webhooks.receive("stripe", None, b"", {"x-client-address": client})
    except ApiError as error:
        reason = error.reason
    assert (reason, len(noted)) == (("", 1) if passes else ("IP_NOT_ALLOWED", 0))


async def test_places_of_a_loop_are_counted_and_who_found_none_is_woken() -> None:
    async def check(_item: str) -> None:
        await asyncio.Event().wait()

    subject: Any = SimpleNamespace(name="test", check=check, call_of=lambda item: context.Call(item))
    for window, wakes in ((1, True), (2, False)):
        loop: Recovery[str] = Recovery(subject, window)
        assert loop.keep_place()
        loop.take_place(None)
        assert loop.worker._wake.is_set() is wakes
        assert loop._free == window


@pytest.mark.parametrize(
    ("places", "busy", "keeps"), [(1, 0, True), (0, 0, False), (1, SHARE, False), (1, SHARE - 1, True)]
)
def test_turn_is_kept_where_the_loop_and_the_account_have_one(places: int, busy: int, keeps: bool) -> None:
    of_webhooks, _ = inbox()
    loop: Recovery[StoredEvent] = Recovery(cast(Any, SimpleNamespace(name="test")), places)
    of_webhooks._busy.update({("stripe", ""): busy} if busy else {})
    turns = webhooks.Turns(of_webhooks, loop)
    assert turns.keep(EVENT) is keeps
    # what was kept in vain is given back
    assert loop._free == places - keeps
    assert of_webhooks._busy[("stripe", "")] == busy + keeps
    if keeps:
        turns.take(EVENT, begin=False)
        assert (loop._free, of_webhooks._busy[("stripe", "")]) == (places, busy)


@pytest.mark.parametrize("is_new", [True, False])
async def test_event_that_has_a_turn_is_begun_when_it_is_new(is_new: bool) -> None:
    taken: list[Any] = []

    async def submit(note: Note) -> bool:
        taken.append((note.event.attempts, note.status, note.wait))
        return is_new

    turns = SimpleNamespace(
        inbox=Turns(), keep=lambda _event: True, take=lambda event, begin: taken.append((event.attempts, begin))
    )
    of_webhooks, _ = receiver(Provider(), cast(Any, turns), OPEN)
    of_webhooks._receptions = cast(Any, SimpleNamespace(submit=submit))
    context.enter(context.Call("trace"))
    await of_webhooks.receive("stripe", None, b"body", {})
    assert taken == [(1, "PENDING", webhooks.LEASE), (1, is_new)]


async def test_event_that_could_not_be_stored_is_not_begun_and_gives_its_turn_back() -> None:
    begun: list[bool] = []

    async def submit(_note: Note) -> bool:
        raise ConnectionError

    turns = SimpleNamespace(inbox=Turns(), keep=lambda _event: True, take=lambda _event, begin: begun.append(begin))
    of_webhooks, _ = receiver(Provider(), cast(Any, turns), OPEN)
    of_webhooks._receptions = cast(Any, SimpleNamespace(submit=submit))
    context.enter(context.Call("trace"))
    with pytest.raises(ConnectionError):
        await of_webhooks.receive("stripe", None, b"body", {})
    assert begun == [False]


@pytest.mark.parametrize(
    ("ends", "noted"),
    [
        (Verdict("APPLIED", "done"), ("APPLIED", "done", 3)),
        (UnavailableError("away"), ("PENDING", "away", 2)),
        (ValueError("odd"), ("PENDING", "odd", 3)),
    ],
)
async def test_event_stands_as_it_was_applied(ends: Any, noted: object) -> None:
    async def apply(_item: StoredEvent) -> Verdict:
        if isinstance(ends, Exception):
            raise ends
        return cast(Verdict, ends)

    of_webhooks, notes = inbox()
    of_webhooks._application = cast(Any, SimpleNamespace(apply=apply))
    await of_webhooks.check(replace(EVENT, attempts=3))
    ((status, reason, attempts),) = [(note.status, note.reason, note.event.attempts) for note in notes]
    assert (status, reason, attempts) == noted


async def test_notes_are_stored_together() -> None:
    stored: list[Any] = []

    class Store:
        @asynccontextmanager
        async def session(self) -> AsyncIterator[Store]:
            yield self

        async def note(self, _session: object, notes: Any) -> None:
            stored.append(list(notes))

    me = cast(Any, Store())
    notes = [Note(EVENT, "APPLIED"), Note(EVENT, "IGNORED")]
    assert await WebhookInbox(me, me, NOBODY)._note(notes) == [None, None]
    assert stored == [notes]


@pytest.mark.parametrize(("busy", "was_full"), [(SHARE - 1, False), (SHARE, True), (SHARE + 1, True)])
def test_who_had_more_than_a_share_may_have_kept_others_waiting(busy: int, was_full: bool) -> None:
    of_webhooks, _ = inbox()
    of_webhooks._busy.update({("stripe", ""): busy})
    assert of_webhooks.give_back(EVENT) is was_full
