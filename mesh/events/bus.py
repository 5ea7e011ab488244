"""NATS JetStream: one connection for the process, the gateway's streams, publishing with acknowledgement."""

from __future__ import annotations

import asyncio
import contextlib
import re
import ssl
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from weakref import WeakSet

from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.js import JetStreamContext, api
from nats.js.errors import NotFoundError

from mesh.events.pulling import Connection, Pull
from mesh.events.signature import Signer, Verifier
from mesh.settings import BusSettings, ConsumerSettings
from mesh.telemetry import get_logger
from mesh.tls import TlsFiles

log = get_logger(__name__)

EVENTS_STREAM = "FUSIONX_EVENTS"
ADVISORIES_STREAM = "FUSIONX_ADVISORIES"
ACK_WAIT = 15.0
MAX_DELIVER = -1
"""Without a limit: what is given up goes to the dead letters, and nothing is lost by an outage, however long."""
MAX_ACK_PENDING = 200_000
"""Of what is put off as well, such as events that only a later version knows: at the limit nobody is given anything."""
PUBLISH_TIMEOUT = 5.0
STREAM_RETENTION = timedelta(days=7)
"""How long the stream keeps an event."""
RETRY_SECONDS = 0.5
CLOSE_SECONDS = 2.0
CONNECT_SECONDS = 10.0
"""For one attempt, whose steps have two seconds each."""
PING_SECONDS = 3
"""A server that answers neither of two pings is away: a frozen one is known within 9 s, and not only by its silence."""
_DAY = 24 * 3600.0
_SUBJECT = re.compile(r"fusionx\.[^\s.*>]+\.v1\.[^\s*>]+")
_HEADER_ROOM = 4096
"""Of a message's size, for its headers: a server cuts the connection of who sends it more than it takes."""

_STREAMS = (
    api.StreamConfig(
        name=EVENTS_STREAM,
        subjects=["fusionx.*.v1.>"],
        storage=api.StorageType.FILE,
        max_age=STREAM_RETENTION.total_seconds(),
        # a relay that lost the acknowledgement publishes again under the same id
        duplicate_window=600,
    ),
    api.StreamConfig(
        name=ADVISORIES_STREAM,
        subjects=["$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.>"],
        storage=api.StorageType.FILE,
        max_age=30 * _DAY,
    ),
)


class UnpublishableError(ValueError):
    """A message that the stream will never take."""


@dataclass(frozen=True, slots=True)
class BusTls:
    """How a process of the mesh shows NATS who it is: by its certificate, which is all that NATS asks for."""

    files: TlsFiles
    server_name: str
    """The name in NATS' own certificate, which is of the mesh's CA as well."""

    def context(self) -> ssl.SSLContext:
        """Return the files' contents as of now. Raises OSError when one cannot be read."""
        context = ssl.create_default_context(cafile=str(self.files.ca))
        context.load_cert_chain(self.files.cert, self.files.key)
        return context

    def options(self) -> dict[str, Any]:
        """Return the options of a connection: it begins with TLS, so that nobody can talk it out of that."""
        return {"tls": self.context(), "tls_hostname": self.server_name, "tls_handshake_first": True}


def covers(filters: Iterable[str], subject: str) -> bool:
    """Whether a subject, or all that a filter lets through, goes through one of these filters."""
    return any(_covers(one.split("."), subject.split(".")) for one in filters)


def _covers(wide: Sequence[str], narrow: Sequence[str]) -> bool:
    for place, part in enumerate(wide):
        if part == ">":
            return len(narrow) > place
        if place >= len(narrow) or narrow[place] == ">" or part not in ("*", narrow[place]):
            return False
    return len(wide) == len(narrow)


def union(mine: Iterable[str], theirs: Iterable[str]) -> list[str]:
    """Return filters that let through what either does, none of which is part of another: NATS refuses those."""
    every = sorted({*mine, *theirs})
    return [one for one in every if not covers((other for other in every if other != one), one)]


def _set_in(config: api.ConsumerConfig) -> dict[str, object]:
    return {name: value for name, value in vars(config).items() if value is not None}


def inbox_prefix(name: str) -> str:
    """Return where a process gets its answers: a place of its own, as nobody else may listen there."""
    return f"_INBOX_{name}"


class Bus:
    """The process's connection to JetStream. Being disconnected is a normal state: callers try again."""

    signer: Signer | None = None
    """Signs what is published; None where nobody has a certificate."""
    verifier: Verifier | None = None
    """Says whether an event is its publisher's; None where nobody has a certificate, or nothing is consumed."""

    def __init__(self, url: str, name: str, tls: BusTls | None = None, replicas: int = 1) -> None:
        """Take the URL, or several by comma; a stream that is not there is made with as many replicas."""
        self._servers = url.split(",")
        self._streams = [replace(config, num_replicas=replicas) for config in _STREAMS]
        self._name = name
        self._tls = tls
        self._client: Client = Connection()
        self._stream: JetStreamContext | None = None
        self._connecting: asyncio.Task[None] | None = None
        self._connected = asyncio.Event()
        self._listeners: list[Callable[[], None]] = []
        self._pulls: WeakSet[Pull] = WeakSet()

    @classmethod
    def of(cls, settings: BusSettings, name: str) -> Bus:
        """Return the bus of a service, which signs, and verifies what it consumes, where the mesh has certificates."""
        server, files = settings.nats_server_name, settings.tls
        tls = BusTls(files, server) if files and server else None
        bus = cls(settings.nats_url, name, tls, settings.nats_replicas)
        if files:
            bus.signer = Signer(files)
            if isinstance(settings, ConsumerSettings):
                bus.verifier = Verifier(files, settings.event_signatures_from)
        return bus

    @property
    def jetstream(self) -> JetStreamContext:
        """The JetStream API. Raises ConnectionError while NATS is out of reach."""
        if self._stream is None or not self._client.is_connected:
            raise ConnectionError("NATS is out of reach")
        return self._stream

    @property
    def is_connected(self) -> bool:
        """Whether there is a connection with JetStream behind it now."""
        return self._stream is not None and self._client.is_connected

    def start(self) -> None:
        """Connect in the background, for as long as it takes: no service waits for NATS to start."""
        self._connecting = asyncio.create_task(self._connect(), name="nats-connect")

    def when_back(self, listener: Callable[[], None]) -> None:
        """Call `listener` each time the connection comes, or comes back."""
        self._listeners.append(listener)

    async def connected(self) -> None:
        """Wait for the first connection."""
        await self._connected.wait()

    async def close(self) -> None:
        """Flush what was sent and close, within two seconds."""
        if self._connecting:
            self._connecting.cancel()
        with contextlib.suppress(TimeoutError, NatsError):
            async with asyncio.timeout(CLOSE_SECONDS):
                if self._client.is_connected:
                    await self._client.drain()
                elif not self._client.is_closed:
                    await self._client.close()

    async def publish(self, subject: str, payload: bytes, headers: dict[str, str]) -> asyncio.Future[api.PubAck]:
        """Send one message and return the future of its acknowledgement.

        Give a `Nats-Msg-Id` header: a publish whose acknowledgement is lost may have been stored.

        Raises UnpublishableError for what is too large or of no stream's subject, ConnectionError while NATS is away.
        """
        if not _SUBJECT.fullmatch(subject):
            raise UnpublishableError(f"the stream has no subject {subject!r}")
        if len(payload) + _HEADER_ROOM > self._client.max_payload:
            raise UnpublishableError(f"{len(payload)} bytes are more than the stream takes")
        # without a bound on a wait that there is not, for thousands of publishes under way: it would be a task for each
        # message, and so a write, and a record of TLS
        return await self.jetstream.publish_async(subject, payload, headers=headers)

    async def lag(self, durable: str) -> tuple[int, int]:
        """Return how many messages wait for a durable consumer, and how many it was sent but has not acknowledged.

        Raises ConnectionError while NATS is out of reach, and an error of NATS when there is no such consumer.
        """
        info = await self.jetstream.consumer_info(EVENTS_STREAM, durable)
        return info.num_pending or 0, info.num_ack_pending or 0

    async def ensure_streams(self) -> None:
        """Make the streams that are not there. Raises ConnectionError while NATS is out of reach."""
        await self._ensure_streams(self.jetstream)

    async def pull(self, durable: str, subjects: Sequence[str]) -> Pull:
        """Create or update a durable consumer of the event stream and return what takes its messages.

        It takes at least these subjects. What it takes already it goes on taking: a replica of the version before that
        begins anew during an update would else have it pass over what the later version takes.
        """
        # what was subscribed to may have gone together with its stream
        await self.ensure_streams()
        known = await self._consumer(durable)
        config = api.ConsumerConfig(
            durable_name=durable,
            filter_subjects=union(subjects, known.filter_subjects or [] if known else []),
            ack_policy=api.AckPolicy.EXPLICIT,
            ack_wait=ACK_WAIT,
            max_deliver=MAX_DELIVER,
            max_ack_pending=MAX_ACK_PENDING,
        )
        if known is None or any(getattr(known, name) != value for name, value in _set_in(config).items()):
            await self.jetstream.add_consumer(EVENTS_STREAM, config)
        pull = await Pull.begin(self._client, EVENTS_STREAM, durable)
        self._pulls.add(pull)
        return pull

    async def _consumer(self, durable: str) -> api.ConsumerConfig | None:
        """Return how a durable consumer is set, with its one filter as a list; None where there is none."""
        try:
            known: api.ConsumerConfig = (await self.jetstream.consumer_info(EVENTS_STREAM, durable)).config
        except NotFoundError:
            return None
        one = [known.filter_subject or ">"]
        return replace(known, filter_subjects=known.filter_subjects or one)

    async def _connect(self) -> None:
        client = await self._try_to_connect()
        while client is None:
            client = await self._try_to_connect()
        # from now on it connects again by itself
        client.options["allow_reconnect"] = True
        self._client = client
        self._stream = client.jetstream(timeout=PUBLISH_TIMEOUT)
        await self._prepare(self._stream)
        self._connected.set()

    async def _try_to_connect(self) -> Client | None:
        """Return a client that is connected, or None.

        Each attempt has a client of its own: one whose first attempt fails waits for the end of a connection that may
        never end, and keeps the certificate that it began with.
        """
        client = Connection()
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                await client.connect(
                    self._servers,
                    name=self._name,
                    inbox_prefix=inbox_prefix(self._name),
                    allow_reconnect=False,
                    max_reconnect_attempts=-1,
                    reconnect_time_wait=1,
                    ping_interval=PING_SECONDS,
                    disconnected_cb=self._on_disconnected,
                    reconnected_cb=self._on_reconnected,
                    error_cb=self._on_error,
                    **(self._tls.options() if self._tls else {}),
                )
        except (OSError, NatsError, TimeoutError) as error:
            log.warning("NATS is out of reach", error=repr(error))
            with contextlib.suppress(OSError, NatsError, TimeoutError):
                async with asyncio.timeout(CLOSE_SECONDS):
                    await client.close()
            await asyncio.sleep(RETRY_SECONDS)
            return None
        return client

    async def _prepare(self, stream: JetStreamContext) -> None:
        """Have the streams, over one connection for as long as it takes: a server may have no JetStream, or not yet."""
        while True:
            try:
                # a server that came back empty lost the streams; the outbox refills them
                await self._ensure_streams(stream)
            except (OSError, NatsError, TimeoutError) as error:
                log.warning("JetStream is out of reach", error=repr(error))
                await asyncio.sleep(RETRY_SECONDS)
            else:
                self._tell()
                return

    async def _ensure_streams(self, stream: JetStreamContext) -> None:
        for config in self._streams:
            try:
                await stream.stream_info(config.name or "")
            except NotFoundError:
                await stream.add_stream(config)

    async def _on_disconnected(self) -> None:
        log.warning("NATS connection lost")
        self._take_over_certificate()

    def _take_over_certificate(self) -> None:
        """Have the next attempt of the client made with the certificate as it is now."""
        if self._tls:
            try:
                self._client.options["tls"] = self._tls.context()
            except OSError as error:
                log.warning("certificate not taken over", error=str(error))

    async def _on_reconnected(self) -> None:
        log.info("NATS connection restored")
        if self._connected.is_set() and self._stream and (self._connecting is None or self._connecting.done()):
            # not awaited: it is the client's reader that calls this, which has to read the answers
            self._connecting = asyncio.create_task(self._prepare(self._stream), name="nats-prepare")

    def _tell(self) -> None:
        for pull in self._pulls:
            # a server that was started again knows of no request, and nothing would come until its time is over
            pull.ask_again()
        for listener in self._listeners:
            listener()

    async def _on_error(self, error: Exception) -> None:
        log.warning("NATS error", error=repr(error))
        if self._client.is_reconnecting:
            self._take_over_certificate()
