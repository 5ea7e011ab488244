"""gRPC in, use case, gRPC out: what waits in whichever service it is registered at."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import grpc
from fusionx.mesh.v1 import backlog_service_pb2 as service_pb2
from fusionx.mesh.v1 import backlog_service_pb2_grpc as service_grpc
from nats.errors import Error as NatsError

from mesh.events import outbox
from mesh.events.consumer import Consumer
from mesh.events.consumer_metrics import OPEN
from mesh.rpc.registration import Registration
from mesh.storage.database import Database

Context = grpc.aio.ServicerContext[Any, Any]


class BacklogServicer(service_grpc.BacklogServiceServicer):
    """The internal contract of backlogs; its promise is written there."""

    def __init__(self, database: Database, consumers: Sequence[Consumer], *, publishes: bool) -> None:
        self._database = database
        self._consumers = consumers
        self._publishes = publishes

    @classmethod
    def registration(cls, database: Database, *consumers: Consumer, publishes: bool = True) -> Registration:
        """Return the registration at a service that publishes or consumes."""
        return Registration.of(service_pb2, service_grpc, cls(database, consumers, publishes=publishes))

    async def GetBacklog(self, _request: service_pb2.GetBacklogRequest, _: Context) -> service_pb2.Backlog:
        """Count what waits."""
        answer = service_pb2.Backlog()
        async with self._database.session() as session:
            if self._publishes and (found := await session.one(outbox.DEPTH)):
                answer.outbox.depth = found.depth
                answer.outbox.oldest_seconds = found.oldest.total_seconds() if found.oldest else 0
            # who consumes nothing has no table of letters
            letters = {row.consumer: row for row in await session.all(OPEN)} if self._consumers else {}
            now = await session.now()
        for consumer in self._consumers:
            name = consumer.inbox.consumer
            shown = answer.consumers.add(consumer=name)
            if open_letters := letters.get(name):
                shown.dead_letters = open_letters.depth
                shown.oldest_dead_letter_time.FromDatetime(now - open_letters.oldest)
            try:
                shown.waiting, shown.unacknowledged = await consumer.lag()
                shown.known = True
            except (ConnectionError, TimeoutError, NatsError):
                # unknown is not none
                shown.known = False
        return answer
