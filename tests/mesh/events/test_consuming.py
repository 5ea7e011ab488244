"""What a consumer does with what it takes from the stream, step by step: neither a bus nor a database is there."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest
from fusionx.order.v1 import order_events_pb2, order_pb2
from nats.errors import Error as NatsError

from mesh import context, tracing
from mesh.errors import unavailable
from mesh.events import consumer as module
from mesh.events import dead_letters
from mesh.events.consumer import BATCH, FETCH_SECONDS, Consumer, Readers
from mesh.events.envelope import event as event_of
from mesh.events.inbox import Inbox, Received
from mesh.events.signature import ForgedError
from mesh.metrics import DEAD_LETTERS, EVENTS_CONSUMED
from tests.support.noted import Noted

PAUSES = (1.0, 5.0, 30.0)
NOW = datetime(2026, 1, 1, tzinfo=UTC)
NAME = "test_consuming"


class Message(Noted):
    """An order's event as the stream hands it out."""

    def __init__(self, sequence: int, resource: int = 1, *, payload: bytes | None = None, tries: int = 1) -> None:
        super().__init__(sequence, tries, NOW)
        context.enter(context.Call(f"{1:032x}"))
        order = order_pb2.Order(order_id=str(uuid.UUID(int=resource)))
        ids: dict[str, Any] = {"aggregate_id": uuid.UUID(int=resource), "merchant_id": uuid.UUID(int=5)}
        made = event_of(order_events_pb2.OrderCreated(order=order), version=1, time=NOW, **ids)
        self.subject, self.event_id = made.subject, str(made.event_id)
        self.data = made.payload if payload is None else payload
        self.headers: dict[str, str] | None = None


class Busy:
    """A pace at which it is always rested."""

    def rest(self, count: int, began: float, now: float) -> float:
        """Rest after a batch in which something was urgent."""
        return 0.02 if count and now >= began else 0.0


class World:
    """The bus, its subscription, the database and the handler, as a test says."""

    def __init__(self) -> None:
        self.verifier: Any = None
        self.fetched: list[Any] = []
        self.does: list[str] = []
        self.given_back: list[float | None] = []
        self.refuses: set[str] = set()
        self.patient: dict[str, float] = {}
        self.error: Exception = ValueError("no")
        self.applied: list[list[str]] = []
        self.dead: list[Any] = []
        self.is_away = False
        self.commits = 0
        me = cast(Any, self)
        self.consumer = Consumer(
            *(NAME, ["fusionx.>"], me, me, self.apply),
            who=Readers(self.committed, lambda event: self.patient.get(str(event.event_id), 0.0)),
            retry_delays=PAUSES,
        )

    async def takes(self, *messages: Message) -> None:
        """Have messages read and applied."""
        await self.consumer._apply(await self.consumer._read_all(cast(Any, messages)))

    async def apply(self, _session: Any, events: Sequence[Received]) -> None:
        """Apply events, unless one is refused."""
        if any(str(one.event_id) in self.refuses for one in events):
            raise self.error
        self.applied.append([str(one.event_id) for one in events])

    def committed(self) -> None:
        """Count a commit."""
        self.commits += 1

    async def connected(self) -> None:
        """Be connected."""
        self.does.append("connected")

    async def pull(self, name: str, subjects: Sequence[str]) -> World:
        """Subscribe."""
        assert (name, subjects) == (NAME, ["fusionx.>"])
        self.does.append("pull")
        return self

    async def fetch(self, most: int, timeout: float) -> list[Any]:  # noqa: ASYNC109  as nats-py calls it
        """Return what came."""
        assert (most, timeout) == (BATCH, FETCH_SECONDS)
        self.does.append("fetch")
        if not self.fetched:
            raise TimeoutError
        found = self.fetched.pop(0)
        if isinstance(found, Exception):
            raise found
        return cast(list[Any], found)

    async def unsubscribe(self, delay: float | None) -> None:
        """Give up the subscription, which may fail."""
        self.given_back.append(delay)
        self.does.append("unsubscribe")
        raise NatsError

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[World]:
        """Lend a session."""
        if self.is_away:
            raise unavailable("DATABASE_UNAVAILABLE", "away")
        yield self

    session = transaction

    async def run(self, _statement: object, **_: object) -> int:
        """Answer a ping."""
        self.does.append("ping")
        return 1

    async def all(self, _statement: object, **given: Any) -> list[uuid.UUID]:
        """Return the events that were not seen before: all."""
        return list(given["event_ids"])

    def clock(self) -> datetime:
        """Return the present."""
        return NOW


def world_of(monkeypatch: pytest.MonkeyPatch) -> World:
    """Return a world whose consumer buries what it buries here."""
    monkeypatch.setattr(module, "Pace", Busy)
    made = World()

    async def store(_session: Any, name: str, event: Any, reason: str, *, forged: bool) -> None:
        made.dead.append((name, event, reason, forged))

    async def no_rest(seconds: float) -> None:
        assert seconds == 0.02
        made.does.append("rests")

    monkeypatch.setattr(dead_letters, "store", store)
    monkeypatch.setattr(module, "asyncio", SimpleNamespace(sleep=no_rest, timeout=asyncio.timeout))
    return made


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    """A world of the test's own."""
    return world_of(monkeypatch)


def counted(metric: Any, *labels: str) -> float:
    return float(metric.labels(*labels)._value.get())


async def test_what_came_is_applied_together_and_acknowledged(world: World) -> None:
    messages = [Message(number, number) for number in (1, 2, 3)]
    world.fetched = [messages, messages[:1]]
    before = counted(EVENTS_CONSUMED, NAME, "applied")
    assert await world.consumer._step() is True
    assert await world.consumer._step() is True
    assert world.does == ["connected", "ping", "pull", "fetch", "rests", "fetch", "rests"]
    assert world.applied == [[one.event_id for one in messages], [messages[0].event_id]]
    assert [one.said for one in messages] == [["ack", "ack"], ["ack"], ["ack"]]
    assert counted(EVENTS_CONSUMED, NAME, "applied") - before == 4
    assert world.commits == 2


async def test_idle_stream_is_looked_at_again_and_a_full_batch_is_followed_at_once(world: World) -> None:
    full = [Message(number, number) for number in range(1, BATCH + 1)]
    world.fetched = [[], full]
    for _ in range(3):
        assert await world.consumer._step() is True
    assert world.does == ["connected", "ping", "pull", "fetch", "fetch", "fetch"]
    assert len(world.applied) == 1


@pytest.mark.parametrize("error", [OSError("gone"), ValueError("odd"), asyncio.CancelledError()])
async def test_subscription_is_given_up_when_anything_fails(world: World, error: BaseException) -> None:
    async def fails(*_: object, **__: object) -> None:
        raise error

    await world.consumer._step()
    world.does.clear()
    world.consumer._fetch = fails  # type: ignore[assignment,method-assign]
    with pytest.raises(type(error)):
        await world.consumer._step()
    assert world.does == ["unsubscribe"]
    with pytest.raises(type(error)):
        await world.consumer._step()
    assert world.does == ["unsubscribe", "connected", "ping", "pull", "unsubscribe"]


def test_consumer_that_fails_rests_before_it_tries_again(world: World) -> None:
    assert world.consumer.worker._interval == 0.2


async def test_nothing_is_taken_that_cannot_be_stored(world: World) -> None:
    world.is_away = True
    with pytest.raises(Exception, match="DATABASE_UNAVAILABLE"):
        await world.consumer._step()
    assert world.does == ["connected"]


async def test_batch_that_fails_is_tried_one_by_one_and_one_that_fails_holds_up_its_resource(world: World) -> None:
    bad, behind, other = Message(1), Message(2, tries=2), Message(3, 3)
    world.refuses = {bad.event_id}
    before = counted(EVENTS_CONSUMED, NAME, "failed")
    await world.takes(bad, behind, other)
    assert world.applied == [[other.event_id]]
    assert [one.said for one in (bad, behind, other)] == [[1.0], [5.0], ["ack"]]
    assert counted(EVENTS_CONSUMED, NAME, "failed") - before == 1
    # still
    await world.takes(behind)
    assert (behind.said, len(world.applied)) == ([5.0, 5.0], 1)
    world.refuses = set()
    await world.takes(bad)
    await world.takes(behind)
    assert world.applied[1:] == [[bad.event_id], [behind.event_id]]


async def goes_away(*_: object, **__: object) -> None:
    raise unavailable("DATABASE_UNAVAILABLE", "away")


async def test_database_that_is_away_is_no_events_fault(world: World) -> None:
    messages = [Message(number, number) for number in (1, 2)]
    world.fetched = [messages]
    world.consumer.inbox = Inbox(NAME, goes_away, world.committed)
    with pytest.raises(Exception, match="DATABASE_UNAVAILABLE"):
        await world.consumer._step()
    assert [one.said for one in messages] == [[1.0], [1.0]]
    # what came behind them does not come before them
    assert world.given_back == [1.0]


async def test_what_was_applied_when_the_database_went_away_is_not_put_back(world: World) -> None:
    bad, good, left = messages = [Message(number, number) for number in (1, 2, 3)]
    world.refuses = {bad.event_id}
    commit = world.committed

    def last_commit() -> None:
        commit()
        world.is_away = True

    world.consumer.inbox = Inbox(NAME, world.apply, last_commit)
    world.fetched = [messages]
    with pytest.raises(Exception, match="DATABASE_UNAVAILABLE"):
        await world.consumer._step()
    assert [one.said for one in (bad, good, left)] == [[1.0], ["ack"], [1.0]]


async def test_what_is_cut_off_is_put_back_with_what_came_behind_it(world: World) -> None:
    async def cut_off(*_: object, **__: object) -> None:
        raise asyncio.CancelledError

    messages = [Message(number, number) for number in (1, 2)]
    world.consumer.inbox = Inbox(NAME, cut_off, world.committed)
    world.fetched = [messages]
    with pytest.raises(asyncio.CancelledError):
        await world.consumer._step()
    assert [one.said for one in messages] == [[1.0], [1.0]]
    assert world.given_back == [1.0]


async def test_what_has_come_when_the_work_ends_is_given_back_at_once(world: World) -> None:
    world.fetched = [[Message(1)]]
    worker = world.consumer.worker

    async def step_and_end(session: Any, events: Sequence[Received]) -> None:
        # stopped while a batch is applied, which is not cut off: nothing waits, so that nothing is cancelled
        worker._stopping = True
        await world.apply(session, events)

    world.consumer.inbox = Inbox(NAME, step_and_end, world.committed)
    worker.start()
    assert worker._task
    await worker._task
    assert (len(world.applied), world.given_back) == (1, [None])


async def test_what_cannot_be_read_is_buried_by_its_place(world: World) -> None:
    message, named = Message(7, payload=b"\xff"), Message(8, payload=b"\xff", tries=3)
    named.headers = {"Nats-Msg-Id": "mine"}
    before = counted(DEAD_LETTERS, NAME)
    await world.takes(message, named)
    assert [one.said for one in (message, named)] == [["term"], ["term"]]
    told = [(name, event.event_id, event.deliveries, forged) for name, event, _, forged in world.dead]
    assert told == [(NAME, f"7@{NOW.isoformat()}", 1, False), (NAME, "mine", 3, False)]
    assert all(reason.startswith("cannot be decoded: ") for _, _, reason, _ in world.dead)
    assert counted(DEAD_LETTERS, NAME) - before == 2
    assert not world.applied


class Verifier:
    """Lets everything through, or nothing."""

    def __init__(self, is_forged: bool) -> None:
        self._is_forged = is_forged

    def check(self, subject: str, data: bytes, headers: object, stored: datetime) -> None:
        """Check a message."""
        assert (headers, stored) == ({}, NOW)
        if self._is_forged:
            raise ForgedError("nobody has signed it")


@pytest.mark.parametrize(
    ("is_forged", "subject", "why"),
    [
        (False, "fusionx.order.v1.created", ""),
        (True, "fusionx.order.v1.created", "nobody has signed it"),
        # who may sign for a subject may not tell the facts of another
        (False, "fusionx.order.v1.a", "does not belong here"),
        (False, "fusionx.order.v1.z", "does not belong here"),
    ],
)
async def test_forged_event_is_buried_under_no_name_of_its_own(
    world: World, is_forged: bool, subject: str, why: str
) -> None:
    world.verifier = Verifier(is_forged)
    message = Message(7)
    message.subject = subject
    message.headers = {}
    await world.takes(message)
    if not why:
        assert (message.said, world.dead) == (["ack"], [])
        return
    ((_, event, reason, forged),) = world.dead
    assert (event.event_id, forged, message.said) == (f"forged 7@{NOW.isoformat()}", True, ["term"])
    assert reason.startswith("forged: ")
    assert reason.endswith(why)


async def test_event_of_a_subject_is_taken_as_it_is_where_nobody_signs(world: World) -> None:
    message = Message(7)
    message.subject = "fusionx.test.v1.x"
    await world.takes(message)
    assert message.said == ["ack"]


@pytest.mark.parametrize(("events", "is_on", "is_made"), [(1, True, False), (2, True, True), (2, False, False)])
async def test_transaction_of_several_events_has_a_span_that_names_them(
    world: World, events: int, is_on: bool, is_made: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[Any] = []

    def start(name: str, *_: Any, links: Sequence[object] = (), **__: Any) -> tracing.Span:
        started.append((name, len(links)))
        return tracing.OFF

    monkeypatch.setattr(tracing, "is_on", lambda: is_on)
    monkeypatch.setattr(tracing, "start", start)
    await world.takes(*(Message(number, number) for number in range(1, events + 1)))
    assert ([one for one in started if one[0] == f"process {NAME}"] == [(f"process {NAME}", events)]) is is_made
