"""In which order a service ends."""

from __future__ import annotations

import asyncio
import uuid
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa
from fusionx.order.v1 import order_events_pb2, order_pb2
from structlog.testing import capture_logs

from mesh import service
from mesh.events.bus import Bus
from mesh.events.envelope import event
from mesh.events.relay import Relay
from mesh.events.unit_of_work import UnitsOfWork
from mesh.probes import Vitals
from mesh.service import BackgroundTasks, Runner, Service
from mesh.settings import ServiceSettings
from mesh.storage import schema
from mesh.storage.database import Database, statement
from mesh.worker import Worker
from stack.stack import Ready
from tests.support.stack.bus import bus_tls

PUBLISHED = statement(
    sa.select(sa.func.count().label("count")).where(schema.outbox.c.publish_time.is_not(None)),
    int,
)


async def test_what_is_committed_while_a_service_ends_is_published_before_it_has_ended(
    gateway: Ready, database_url: str, database: Database
) -> None:
    own, bus = Database(database_url, 4), Bus(gateway.nats_url, "operator", bus_tls(gateway))
    await own.open()
    bus.start()
    await bus.connected()
    relay, background, is_ending = Relay(own, bus), BackgroundTasks(), asyncio.Event()
    work = UnitsOfWork(own, relay.carry)

    async def commit() -> None:
        made = event(
            order_events_pb2.OrderCreated(order=order_pb2.Order(version=1)),
            aggregate_id=uuid.uuid4(),
            version=1,
            merchant_id=uuid.uuid4(),
            time=datetime.now(UTC),
        )
        async with work.begin() as unit:
            unit.add(made)

    async def charge() -> None:
        await is_ending.wait()
        await commit()

    async def rest() -> bool:
        return False

    async def end() -> None:
        await commit()
        is_ending.set()

    consumer = Worker("consumer", rest, interval=60, at_end=end)
    runner = Runner(
        Service(
            name="ending",
            settings=ServiceSettings(database_url=database_url, drain_seconds=0),
            database=own,
            registrations=(),
            workers=[consumer],
            relay=relay.worker,
            bus=bus,
            background=background,
        ),
        "",
        Vitals(),
    )
    for worker in (consumer, relay.worker):
        worker.start()
    call = asyncio.create_task(background.shielded(charge()))
    await asyncio.sleep(0)
    await runner._drain()
    await call
    async with database.session() as session:
        assert await session.one(PUBLISHED) == 2


def test_what_a_service_ends_by_is_said_before_anything_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[float] = []
    monkeypatch.setattr(service, "_end_in_time", given.append)
    with capture_logs() as said, pytest.raises(NameError), service.ending_by_errors():
        raise NameError("no such thing")
    assert [(one["event"], one["log_level"], one["exc_info"]) for one in said] == [("ended by an error", "error", True)]
    assert given == [service.CLOSE_SECONDS]
