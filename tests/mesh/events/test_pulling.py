"""Taking messages by a request that stands, on the run's NATS; and writing them in few pieces."""

from __future__ import annotations

import asyncio
import uuid
from contextlib import suppress
from typing import Any, cast

import pytest
from nats.aio.msg import Msg
from nats.js.errors import APIError, ServiceUnavailableError

from mesh.events import bus as events_bus
from mesh.events.bus import EVENTS_STREAM, Bus
from mesh.events.pulling import Connection, Pull
from tests.support.waiting import answers, come_true

SECONDS = 30.0
"""For a request of which something comes."""


@pytest.fixture
def subject() -> str:
    """A subject that no service listens to."""
    return f"fusionx.test.v1.{uuid.uuid4().hex}"


@pytest.fixture
def durable() -> str:
    """The name of a consumer of the test's own."""
    return f"test_{uuid.uuid4().hex}"


async def publish(bus: Bus, subject: str, *payloads: bytes) -> None:
    for acknowledged in [await bus.publish(subject, payload, {}) for payload in payloads]:
        await acknowledged


async def requests(bus: Bus, durable: str) -> int:
    """Return how many requests stand."""
    info = await bus.jetstream.consumer_info(EVENTS_STREAM, durable)
    return info.num_waiting or 0


def payloads(messages: list[Msg]) -> list[bytes]:
    return [message.data for message in messages]


async def take(pull: Pull, count: int, batch: int = 10) -> list[bytes]:
    """Take so many messages, however they are distributed over fetches, and acknowledge them."""
    taken: list[bytes] = []
    while len(taken) < count:
        messages = await pull.fetch(batch, SECONDS)
        taken += payloads(messages)
        for message in messages:
            await message.ack()
    return taken


async def test_one_request_stands_for_what_comes_at_different_times(bus: Bus, subject: str, durable: str) -> None:
    pull = await bus.pull(durable, [subject])
    for payload in (b"1", b"2", b"3"):
        await publish(bus, subject, payload)
        assert await take(pull, 1) == [payload]
        assert await requests(bus, durable) == 1
    assert pull._number == 1
    await pull.unsubscribe()


async def test_what_came_while_something_else_was_done_is_taken_together(bus: Bus, subject: str, durable: str) -> None:
    pull = await bus.pull(durable, [subject])
    await publish(bus, subject, b"1")
    assert await take(pull, 1) == [b"1"]
    await publish(bus, subject, b"2", b"3", b"4")
    await come_true(lambda: len(pull._came) == 3, "three messages")
    assert payloads(await pull.fetch(10, SECONDS)) == [b"2", b"3", b"4"]
    await pull.unsubscribe()


async def test_request_that_has_brought_all_it_was_for_is_made_again(bus: Bus, subject: str, durable: str) -> None:
    await publish(bus, subject, b"1", b"2", b"3", b"4", b"5")
    pull = await bus.pull(durable, [subject])
    assert await take(pull, 5, batch=2) == [b"1", b"2", b"3", b"4", b"5"]
    assert pull._number == 3
    await pull.unsubscribe()


async def test_request_of_which_nothing_comes_ends_in_its_time_and_another_one_is_made(
    bus: Bus, subject: str, durable: str
) -> None:
    pull = await bus.pull(durable, [subject])
    for _ in range(2):
        # who says first that the time is over, is a matter of chance
        with suppress(TimeoutError):
            assert await pull.fetch(10, 0.2) == []
    await publish(bus, subject, b"1")
    assert await take(pull, 1) == [b"1"]
    await pull.unsubscribe()


async def test_what_has_come_and_was_not_taken_is_given_to_the_next_one_at_once(
    bus: Bus, subject: str, durable: str
) -> None:
    first = await bus.pull(durable, [subject])
    await publish(bus, subject, b"1")
    assert await take(first, 1) == [b"1"]
    await publish(bus, subject, b"2", b"3")
    await come_true(lambda: len(first._came) == 2, "two messages")
    await first.unsubscribe()
    second = await bus.pull(durable, [subject])
    async with asyncio.timeout(10):
        # the stream itself would wait for 15 s
        assert sorted(await take(second, 2)) == [b"2", b"3"]
    await second.unsubscribe()


async def test_request_is_made_again_when_the_connection_is_back(bus: Bus, subject: str, durable: str) -> None:
    pull = await bus.pull(durable, [subject])
    fetching = asyncio.create_task(pull.fetch(10, SECONDS))
    await answers(lambda: requests(bus, durable), "the request")
    # as the server forgets it: what listens is there again, and what was asked is not
    before = pull._subscription
    assert before
    await before.unsubscribe()
    pull._subscription = await bus._client.subscribe(f"{pull._inbox}.*", cb=pull._hear)
    await bus._on_reconnected()
    async with asyncio.timeout(10):
        # by itself it would have waited for the request's 30 s
        assert await fetching == []
        await publish(bus, subject, b"1")
        assert await take(pull, 1) == [b"1"]
    await pull.unsubscribe()


async def test_what_is_on_its_way_when_nothing_more_is_taken_is_given_back_too(
    bus: Bus, subject: str, durable: str
) -> None:
    said = [b"%d" % number for number in range(100)]
    await publish(bus, subject, *said)
    for _ in range(5):
        pull = await bus.pull(durable, [subject])
        await pull._ask(100, SECONDS)
        await pull.unsubscribe()
    last = await bus.pull(durable, [subject])
    async with asyncio.timeout(10):
        # the stream itself would wait for 15 s
        assert sorted(await take(last, 100, 100)) == sorted(said)
    await last.unsubscribe()


async def test_what_is_given_back_after_a_while_keeps_its_order(bus: Bus, subject: str, durable: str) -> None:
    said = [b"%d" % number for number in range(10)]
    await publish(bus, subject, *said)
    first = await bus.pull(durable, [subject])
    (taken,) = await first.fetch(1, SECONDS)
    await first._ask(9, SECONDS)
    await come_true(lambda: len(first._came) == 9, "those behind it")
    await taken.nak(delay=1.0)
    await first.unsubscribe(1.0)
    second = await bus.pull(durable, [subject])
    assert await take(second, 10) == said
    await second.unsubscribe()


async def test_end_of_a_request_without_a_description_is_an_error(bus: Bus, subject: str, durable: str) -> None:
    pull = await bus.pull(durable, [subject])
    await pull._hear(Msg(bus._client, subject=pull._name(), headers={"Status": "409"}))
    with pytest.raises(APIError, match="409"):
        await pull.fetch(10, SECONDS)
    await pull.unsubscribe()


async def test_consumer_that_goes_while_a_request_stands_is_an_error(bus: Bus, subject: str, durable: str) -> None:
    pull = await bus.pull(durable, [subject])
    fetching = asyncio.create_task(pull.fetch(10, SECONDS))
    await answers(lambda: requests(bus, durable), "the request")
    await bus.jetstream.delete_consumer(EVENTS_STREAM, durable)
    async with asyncio.timeout(10):
        with pytest.raises(APIError):
            await fetching
    await pull.unsubscribe()


async def test_consumer_that_is_gone_is_an_error(bus: Bus, subject: str, durable: str) -> None:
    pull = await bus.pull(durable, [subject])
    await bus.jetstream.delete_consumer(EVENTS_STREAM, durable)
    with pytest.raises(ServiceUnavailableError):
        await pull.fetch(10, SECONDS)
    await pull.unsubscribe()


async def test_replica_of_the_version_before_takes_nothing_from_what_a_later_one_takes(
    bus: Bus, subject: str, durable: str
) -> None:
    """It begins anew during an update: what came meanwhile of a subject that it does not know would be passed over."""
    later = await bus.pull(durable, [f"{subject}.a", f"{subject}.b.>"])
    before = await bus.pull(durable, [f"{subject}.a"])
    await before.unsubscribe()
    await publish(bus, f"{subject}.b.c", b"1")
    assert await take(later, 1) == [b"1"]
    # a filter that has another one in it takes its place
    wider = await bus.pull(durable, [f"{subject}.*", f"{subject}.c.d"])
    known = await bus.jetstream.consumer_info(EVENTS_STREAM, durable)
    assert known.config.filter_subjects == sorted(f"{subject}.{end}" for end in ("*", "b.>", "c.d"))
    await wider.unsubscribe()
    await later.unsubscribe()


@pytest.mark.parametrize(
    ("wide", "narrow", "covers"),
    [
        ("a.b", "a.b", True),
        ("a.b", "a.b.c", False),
        ("a.b.c", "a.b", False),
        ("a.*", "a.b", True),
        ("a.*", "a.*", True),
        ("a.b", "a.*", False),
        ("a.*", "a.>", False),
        ("a.>", "a.*", True),
        ("a.>", "a.b.>", True),
        ("a.>", "a", False),
        (">", "a.b", True),
    ],
)
def test_filter_that_is_part_of_another_is_known(wide: str, narrow: str, *, covers: bool) -> None:
    assert events_bus.covers([wide], narrow) is covers


class Written(Connection):
    """A client whose pieces are looked at instead of sent."""

    async def _flush_pending(self, force_flush: bool = False) -> Any: ...


async def test_what_is_said_in_one_turn_is_written_as_one_piece() -> None:
    client = Written()
    for command in (b"PUB a", b"PUB b", b"PUB c"):
        await client._send_command(command)
    assert [bytes(piece) for piece in client._pending] == [b"PUB aPUB bPUB c"]
    await client._send_command(b"CONNECT", priority=True)
    await client._send_command(b"PUB d")
    assert [bytes(piece) for piece in client._pending] == [b"CONNECT", b"PUB aPUB bPUB cPUB d"]
    assert client.pending_data_size == len(b"CONNECTPUB aPUB bPUB cPUB d")


async def test_piece_is_no_larger_than_a_record_but_by_its_last_command() -> None:
    client = Written()
    for _ in range(5):
        await client._send_command(b"x" * 10_000)
    assert [len(piece) for piece in client._pending] == [20_000, 20_000, 10_000]
    assert client.pending_data_size == 50_000


async def test_request_that_was_given_up_while_it_was_made_does_not_stand() -> None:
    class Client:
        asked = 0

        def new_inbox(self) -> str:
            return "inbox"

        async def publish(self, *_: object) -> None:
            self.asked += 1
            if self.asked == 1:
                raise asyncio.CancelledError

    client = Client()
    pull = Pull(cast(Any, client), "stream", "durable")
    with pytest.raises(asyncio.CancelledError):
        await pull.fetch(10, SECONDS)
    for _ in range(2):
        await pull._ask(10, SECONDS)
    assert client.asked == 2
