"""JetStream as far as relay and consumers use it: at least once, with acknowledgements that get lost."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import SimpleNamespace
from typing import Any

from nats.js import api

from mesh.events.bus import ACK_WAIT, Bus

DUPLICATE_WINDOW = 600.0
IDLE_SECONDS = 100.0
"""How long a consumer waits before it looks again: less than a step of a worker may take."""


@dataclass
class Stored:
    """A message of the stream, and how it stands with each consumer."""

    sequence: int
    subject: str
    data: bytes
    headers: dict[str, str]
    time: float
    delivered: dict[str, int] = field(default_factory=dict)
    next_time: dict[str, float] = field(default_factory=dict)
    done: set[str] = field(default_factory=set)


class Stream:
    """The stream. `chance(p)` decides what goes wrong; `is_away` is NATS out of reach."""

    def __init__(self, chance: Callable[[str], bool], pause: Callable[[], float]) -> None:
        self.messages: list[Stored] = []
        self.is_away = False
        self.idle_seconds = IDLE_SECONDS
        self.chance = chance
        self.pause = pause
        self._ids: dict[str, Stored] = {}
        self._news = asyncio.Event()

    def store(self, subject: str, data: bytes, headers: dict[str, str]) -> api.PubAck:
        """Keep a message, unless one with its id came a short while ago; return what it is acknowledged with."""
        now = asyncio.get_running_loop().time()
        known = self._ids.get(headers["Nats-Msg-Id"])
        if known and now - known.time <= DUPLICATE_WINDOW:
            return api.PubAck(stream="events", seq=known.sequence, duplicate=True)
        stored = Stored(len(self.messages) + 1, subject, data, headers, now)
        self._ids[headers["Nats-Msg-Id"]] = stored
        self.messages.append(stored)
        self.tell()
        return api.PubAck(stream="events", seq=stored.sequence)

    def tell(self) -> None:
        """Wake who waits for messages."""
        self._news.set()
        self._news = asyncio.Event()

    async def take(self, consumer: str, subjects: Sequence[str], limit: int) -> list[Stored]:
        """Wait for messages that are due, and return them; who does not acknowledge them gets them again."""
        while True:
            now = asyncio.get_running_loop().time()
            mine = [m for m in self.messages if m.subject in subjects and consumer not in m.done]
            due = [m for m in mine if m.next_time.get(consumer, 0) <= now] if not self.is_away else []
            if due:
                due = due[:limit]
                for message in due:
                    message.delivered[consumer] = message.delivered.get(consumer, 0) + 1
                    message.next_time[consumer] = now + ACK_WAIT
                return due
            waits = [m.next_time[consumer] - now for m in mine if consumer in m.next_time]
            news = self._news
            try:
                async with asyncio.timeout(min(waits, default=None) if not self.is_away else 5.0):
                    await news.wait()
            except TimeoutError:
                continue


class SimulatedBus(Bus):
    """A process's connection to the stream."""

    def __init__(self, stream: Stream, host: Any) -> None:
        self._of = stream
        self._host = host

    def start(self) -> None:
        """Do nothing: it is connected."""

    def when_back(self, listener: Callable[[], None]) -> None:
        """Do nothing: the outbox is looked at again anyway."""

    async def connected(self) -> None:
        """Return when NATS can be reached."""
        while self._of.is_away:  # noqa: ASYNC110 - as a client that reconnects
            await asyncio.sleep(1.0)

    async def ensure_streams(self) -> None:
        """The stream is there. Raises ConnectionError while NATS is out of reach."""
        self._check()

    async def publish(self, subject: str, payload: bytes, headers: dict[str, str]) -> asyncio.Future[api.PubAck]:
        """Send a message; it may get lost on the way, and so may its acknowledgement."""
        await self._host.step()
        self._check()
        loop = asyncio.get_running_loop()
        acknowledged: asyncio.Future[api.PubAck] = loop.create_future()
        if self._of.chance("publish_lost"):
            return acknowledged
        answer = self._of.store(subject, payload, headers)

        def acknowledge() -> None:
            if not acknowledged.done():
                acknowledged.set_result(answer)

        if not self._of.chance("publish_ack_lost"):
            loop.call_later(self._of.pause(), acknowledge)
        return acknowledged

    async def pull(self, durable: str, subjects: Sequence[str]) -> Any:
        """Return a subscription."""
        self._check()
        return _Subscription(self._of, durable, subjects, self._host)

    def _check(self) -> None:
        if self._of.is_away:
            raise ConnectionError("NATS is out of reach")


class _Subscription:
    def __init__(self, stream: Stream, consumer: str, subjects: Sequence[str], host: Any) -> None:
        self._stream = stream
        self._consumer = consumer
        self._subjects = subjects
        self._host = host

    async def fetch(self, batch: int, timeout: float) -> list[_Message]:  # noqa: ASYNC109 - as nats-py has it
        del timeout
        limit = 1 if self._stream.chance("small_batch") else batch
        # idle looks cost much and show nothing, so there are fewer than in a real stream
        async with asyncio.timeout(self._stream.idle_seconds):
            stored = await self._stream.take(self._consumer, self._subjects, limit)
        await self._host.step()
        return [_Message(self._stream, self._consumer, one, self._host) for one in stored]

    async def unsubscribe(self, delay: float | None = None) -> None:
        """Nothing is held here."""
        del delay


class _Message:
    def __init__(self, stream: Stream, consumer: str, stored: Stored, host: Any) -> None:
        self._host = host
        self.is_acked = False
        self._stream = stream
        self._consumer = consumer
        self._stored = stored
        self.data = stored.data
        self.subject = stored.subject
        self.headers = stored.headers
        self.metadata = SimpleNamespace(
            num_delivered=stored.delivered[consumer],
            sequence=SimpleNamespace(stream=stored.sequence),
            timestamp=datetime.fromtimestamp(stored.time),
        )

    async def ack(self) -> None:
        self.is_acked = True
        if not self._stream.chance("ack_lost"):
            self._stored.done.add(self._consumer)

    async def term(self) -> None:
        self.is_acked = True
        self._stored.done.add(self._consumer)

    async def nak(self, delay: float) -> None:
        if self._host.is_dead:
            # what ends with its process says nothing any more
            return
        self.is_acked = True
        self._stored.next_time[self._consumer] = asyncio.get_running_loop().time() + delay
        self._stream.tell()
