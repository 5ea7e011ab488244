"""The life of a service process: settings, logs, pools, workers, server, health, and an orderly end.

Order of the end: NOT_SERVING, a pause for balancers to notice, streams end, workers stop while the server ends its
calls, shielded work is awaited, the relay publishes what all of these have left, NATS is drained, pools close. A
rolling restart loses no request. Whatever does not answer, the process has ended after the pause and the grace, and a
moment.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import grpc
import uvloop
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1.health import aio as health_aio
from grpc_reflection.v1alpha import reflection
from sqlalchemy import DateTime, Text, text

from mesh import tracing
from mesh.errors import ApiError
from mesh.events.bus import Bus
from mesh.metrics import DATABASE_UP
from mesh.probes import Vitals, serve
from mesh.rpc.callers import CallerInterceptor
from mesh.rpc.interceptors import CallInterceptor, access_of
from mesh.rpc.metrics_servicer import MetricsServicer
from mesh.rpc.registration import ByName, Registration
from mesh.runtime_metrics import RuntimeMetrics, tell_build
from mesh.settings import EX_CONFIG, ServiceSettings, SettingsT, load
from mesh.storage.database import Database, statement
from mesh.storage.revision import head_revision
from mesh.telemetry import get_logger, setup_logging
from mesh.tls import server_credentials
from mesh.worker import Turn, Worker, together

log = get_logger(__name__)
T = TypeVar("T")
PROBE_SECONDS = 1.0
LOOK_SECONDS = 30.0
"""How often the probe of a database that answers reads its revision and its clock."""
CLOSE_SECONDS = 1.0
"""How long connections may take to close, when nothing of the grace is left."""
MAX_PENDING = 10_000
"""How many calls may have come that nobody has looked at: as many as an Envoy has under way at the most."""
LAST_SECONDS = 0.75
"""After which a process that should have ended is ended: with the defaults, eleven seconds after it was asked to."""


class _Seen(NamedTuple):
    """What a look at the database shows: its revision, and its clock."""

    version_num: str
    time: datetime


_LOOK = statement(
    text("SELECT version_num, clock_timestamp() AS time FROM alembic_version").columns(
        version_num=Text, time=DateTime(timezone=True)
    ),
    _Seen,
)


@dataclass
class Service:
    """Everything that a service consists of, put together by its composition root."""

    name: str
    settings: ServiceSettings
    database: Database
    registrations: Sequence[Registration]
    workers: Sequence[Worker] = ()
    relay: Worker | None = None
    """Publishes what all others commit, and so ends after them."""
    bus: Bus | None = None
    background: BackgroundTasks | None = None
    on_drain: Sequence[Callable[[], None]] = ()
    """What has to be asked to end, such as streams: asked when balancers have noticed, before calls are ended."""
    on_close: Sequence[Callable[[], Coroutine[Any, Any, None]]] = ()


def server_options(max_connection_age_seconds: float) -> list[tuple[str, int]]:
    """Return what gRPC is told of our servers."""
    return [
        # a second process on the same port must fail, not share its calls silently
        ("grpc.so_reuseport", 0),
        # clients look the name up again when a connection ends
        ("grpc.max_connection_age_ms", int(max_connection_age_seconds * 1000)),
        ("grpc.keepalive_time_ms", 300_000),
        ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
        ("grpc.max_receive_message_length", 1 << 20),
        # above a thousand gRPC ends calls that it has handed to nobody yet as CANCELLED, which tells nobody what to do;
        # we refuse them, too, and say why
        ("grpc.server.max_pending_requests", MAX_PENDING),
        ("grpc.server.max_pending_requests_hard_limit", MAX_PENDING),
    ]


@dataclass
class BackgroundTasks:
    """Work that must end even when its caller is gone, such as a charge between the provider and the commit."""

    _tasks: set[asyncio.Task[Any]] = field(default_factory=set)

    async def shielded(self, work: Coroutine[Any, Any, T]) -> T:
        """Run `work` to its end; a cancelled caller stops waiting, and the work goes on."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            task.add_done_callback(_tell_failure)
            raise

    async def finish(self, seconds: float) -> None:
        """Wait for what still runs."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=seconds)


def _tell_failure(task: asyncio.Task[Any]) -> None:
    """Log what nobody hears of any more, as the caller is gone."""
    if not task.cancelled() and (error := task.exception()):
        log.warning("work failed after its caller had gone", error=repr(error))


class Runner:
    """Starts a service, keeps its health true, and ends it."""

    def __init__(self, service: Service, revision: str, vitals: Vitals) -> None:
        self._service = service
        self._vitals = vitals
        self._revision = revision
        self._health = health_aio.HealthServicer()
        self._server = self._build_server()
        self._stop = asyncio.Event()
        self._is_alone = False
        self._looked = float("-inf")
        service.database.when_another(self._look_again)

    def _build_server(self) -> grpc.aio.Server:
        settings = self._service.settings
        access = {}
        registrations = [*self._service.registrations, MetricsServicer.registration()]
        for registration in registrations:
            if registration.descriptor:
                access.update(access_of(registration.descriptor))
        self._calls = CallInterceptor(
            access, settings.max_concurrent_rpcs, settings.max_concurrent_streams, settings.default_deadline_seconds
        )
        interceptors: list[grpc.aio.ServerInterceptor] = [self._calls]
        callers = {registration.full_name: registration.allowed for registration in registrations}
        if settings.tls:
            # without certificates nobody has a name
            interceptors.insert(0, CallerInterceptor(callers))
        server = grpc.aio.server(interceptors=interceptors, options=server_options(settings.max_connection_age_seconds))
        by_name: Any = ByName(server)
        for registration in registrations:
            registration.add(registration.servicer, by_name)
        health_pb2_grpc.add_HealthServicer_to_server(self._health, by_name)
        names = list(callers)
        reflection.enable_server_reflection([*names, health_pb2.DESCRIPTOR.services_by_name["Health"].full_name,
                                             reflection.SERVICE_NAME], by_name)  # fmt: skip
        if settings.tls:
            port = server.add_secure_port(settings.listen, server_credentials(settings.tls))
        else:
            port = server.add_insecure_port(settings.listen)
        log.info("listening", address=f"{settings.listen.rsplit(':', 1)[0]}:{port}")
        return server

    async def run(self) -> None:
        """Serve until SIGTERM, or SIGINT, which says that nobody asks any more: there is no pause then."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self._stop.set)
        loop.add_signal_handler(signal.SIGINT, self._stop_at_once)
        service = self._service
        await service.database.open()
        if service.bus:
            service.bus.start()
        for worker in (*service.workers, *([service.relay] if service.relay else ())):
            worker.start()
        await self._server.start()
        measures = RuntimeMetrics(service.database, service.bus, service.settings.tls, self._vitals.turn)
        beside = [
            asyncio.create_task(self._probe(), name="health-probe"),
            asyncio.create_task(measures.run(), name="runtime-metrics"),
        ]
        # what was built at start-up lives until the end: the collector need not look at it again
        gc.collect()
        gc.freeze()
        await self._stop.wait()
        settings = service.settings
        _end_in_time(settings.drain_seconds + settings.grace_seconds + CLOSE_SECONDS + LAST_SECONDS)
        for task in beside:
            task.cancel()
        await self._drain()

    def _stop_at_once(self) -> None:
        self._is_alone = True
        self._stop.set()

    async def _probe(self) -> None:
        """Keep readiness true: the database answers and is migrated. Liveness is that this loop turns."""
        serving: bool | None = None
        while True:
            ready = await self._is_ready()
            if ready != serving:
                log.info("readiness changed", ready=ready)
                serving = ready
                DATABASE_UP.set(ready)
                self._vitals.is_ready = ready
                status = health_pb2.HealthCheckResponse.SERVING if ready else health_pb2.HealthCheckResponse.NOT_SERVING
                for name in (
                    "",
                    *(r.descriptor.full_name for r in self._service.registrations if r.descriptor),
                ):
                    await self._health.set(name, status)
            await asyncio.sleep(together(time.monotonic(), PROBE_SECONDS) if serving else PROBE_SECONDS / 5)

    def _look_again(self) -> None:
        """Believe nothing that was seen of a database which another has taken the place of."""
        self._looked = float("-inf")

    async def _is_ready(self) -> bool:
        try:
            async with Turn(), self._service.database.session(2 * PROBE_SECONDS) as session:
                if time.monotonic() < self._looked + LOOK_SECONDS:
                    await session.ping()
                    return True
                seen = await session.one(_LOOK)
        except Exception as error:
            log.warning("not ready", error=repr(error))
            # whatever answers next may be another database
            self._look_again()
            return False
        if seen is None:
            return False
        self._service.database.learn(seen.time)
        is_migrated = seen.version_num >= self._revision
        if is_migrated:
            self._looked = time.monotonic()
        return is_migrated

    async def _drain(self) -> None:
        service, settings = self._service, self._service.settings
        log.info("draining")
        self._vitals.is_ready = False
        await self._health.enter_graceful_shutdown()
        if not self._is_alone:
            await asyncio.sleep(settings.drain_seconds)
        for end in (self._calls.end_files, *service.on_drain):
            end()
        ends = time.monotonic() + settings.grace_seconds
        # side by side: what a loop waits for must take no time from the calls
        stopping = (worker.stop(settings.grace_seconds) for worker in service.workers)
        await asyncio.gather(self._server.stop(settings.grace_seconds), *stopping)
        if service.background:
            await service.background.finish(max(0.0, ends - time.monotonic()))
        left = max(CLOSE_SECONDS, ends - time.monotonic())
        try:
            async with asyncio.timeout(left):
                if service.relay:
                    # what it waits for may be away, and the connections have to close
                    await service.relay.stop(left / 2)
                await self._close()
        except TimeoutError:
            log.warning("closed in a hurry: what does not answer is left")
        log.info("stopped")

    async def _close(self) -> None:
        service = self._service
        for close in service.on_close:
            with contextlib.suppress(ApiError, OSError):
                await close()
        if service.bus:
            await service.bus.close()
        await service.database.close()


def _end_in_time(seconds: float) -> threading.Timer:
    """Have the process end after so many seconds, whatever it waits for: all that it does may be cut off."""

    def end() -> None:
        log.error("not stopped in time", seconds=seconds)
        os._exit(1)

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
    return timer


@contextlib.contextmanager
def ending_by_errors() -> Iterator[None]:
    """Say at once what a service ends by, and have its process end: what it has begun may not let go."""
    try:
        yield
    except Exception:
        log.exception("ended by an error")
        _end_in_time(CLOSE_SECONDS)
        raise


def main(name: str, settings_type: type[SettingsT], package: str, build: Callable[[SettingsT], Service]) -> None:
    """Run a service. The body of every `__main__`."""
    settings = load(settings_type)
    setup_logging(name, settings.log_level)
    revision = head_revision(Path(package).resolve().parent / "migrations")
    tell_build(name, revision)
    try:
        stop_tracing = tracing.begin(name)
    except ValueError as error:
        sys.stderr.write(f"wrong setting {error}\n")
        raise SystemExit(EX_CONFIG) from None
    vitals = Vitals()
    log.info("metrics served", address=serve(settings.metrics_listen, vitals))

    async def run() -> None:
        with ending_by_errors():
            await Runner(build(settings), revision, vitals).run()

    uvloop.run(run())
    stop_tracing()
