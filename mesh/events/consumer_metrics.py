"""Looks now and then at how far the consumers of a service are behind, and at the dead letters that are open."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import timedelta
from typing import NamedTuple

import sqlalchemy as sa
from nats.errors import Error as NatsError

from mesh.events.consumer import Consumer
from mesh.metrics import (
    CONSUMER_UNACKNOWLEDGED,
    CONSUMER_WAITING,
    DEAD_LETTERS_OLDEST,
    DEAD_LETTERS_OPEN,
    prime,
)
from mesh.storage.database import Database, statement
from mesh.storage.schema import NOW, dead_letters
from mesh.telemetry import get_logger
from mesh.worker import Worker

log = get_logger(__name__)
LOOK_SECONDS = 10.0


class Open(NamedTuple):
    """The open letters of a consumer: how many, and how old the oldest is."""

    consumer: str
    depth: int
    oldest: timedelta


OPEN = statement(
    sa.select(
        dead_letters.c.consumer,
        sa.func.count().label("depth"),
        (NOW - sa.func.min(dead_letters.c.create_time)).label("oldest"),
    )
    .where(dead_letters.c.state == sa.literal_column("'OPEN'"))
    .group_by(dead_letters.c.consumer),
    Open,
)


class ConsumerMetrics:
    """Measures for Prometheus."""

    def __init__(self, database: Database, consumers: Sequence[Consumer]) -> None:
        self._database = database
        self._consumers = consumers
        # a consumer that is no more may have left letters: once seen, it is reported until it has none
        self._names = {consumer.inbox.consumer for consumer in consumers}
        for metric in (CONSUMER_WAITING, CONSUMER_UNACKNOWLEDGED, DEAD_LETTERS_OPEN, DEAD_LETTERS_OLDEST):
            prime(metric, self._names)
        self.worker = Worker("consumer-watch", self._look, interval=LOOK_SECONDS)

    async def _look(self) -> bool:
        for consumer in self._consumers:
            await self._measure_lag(consumer)
        await self._measure_letters()
        return False

    async def _measure_lag(self, consumer: Consumer) -> None:
        name = consumer.inbox.consumer
        try:
            lag: tuple[float, float] = await consumer.lag()
        except (ConnectionError, TimeoutError, NatsError) as error:
            # unknown is not none: the series breaks off, and the outbox's own metrics show that NATS is away
            lag = math.nan, math.nan
            log.warning("lag is not known", consumer=name, error=repr(error))
        CONSUMER_WAITING.labels(name).set(lag[0])
        CONSUMER_UNACKNOWLEDGED.labels(name).set(lag[1])

    async def _measure_letters(self) -> None:
        async with self._database.session() as session:
            found = {row.consumer: row for row in await session.all(OPEN)}
        self._names |= set(found)
        for name in self._names:
            row = found.get(name)
            DEAD_LETTERS_OPEN.labels(name).set(row.depth if row else 0)
            DEAD_LETTERS_OLDEST.labels(name).set(row.oldest.total_seconds() if row else 0)
