"""One schedule: a seed decides who does what, what breaks and when; afterwards everything heals and comes to rest."""

from __future__ import annotations

import asyncio
import contextvars
import random
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import grpc

from mesh import context
from mesh.errors import ApiError, unavailable
from payment_svc.providers.registry import discover
from payment_svc.settings import PaymentSettings
from tests.simulation.adapter import Service, Trip, event_of
from tests.simulation.book import Book, Thing
from tests.simulation.replica import Killed, OrderProcess, PaymentProcess, Process
from tests.simulation.stream import Stream
from tests.support.databases.simulated import Store
from tests.support.databases.virtual_loop import StuckError, VirtualLoop

BASE = datetime(2026, 3, 1, tzinfo=UTC)
POLL_SECONDS = 2.0
PAGE_SECONDS = 24 * 3600.0
RETRIES = (0.0, 5.0, 30.0, 120.0, 600.0, 3600.0, 7200.0)
"""When a provider sends an event again that was not taken."""
UNSOLICITED = ("reversed", "denied", "relented")
"""What the gateway learns by an event alone."""
_DUE: Mapping[str, Mapping[str, bytes]] = {
    "payments": {
        "payments": b"SELECT min(next_check_time) FROM payments",
        "operations": b"SELECT min(next_try_time) FROM operations",
        "refunds": b"SELECT min(next_check_time) FROM refunds",
        "webhooks": b"SELECT min(next_attempt_time) FROM provider_events",
        "relay": b"SELECT min(create_time) + '5 s' FROM outbox WHERE publish_time IS NULL",
    },
    "orders": {
        "expiry": b"SELECT min(expire_time) + '5 s' FROM orders WHERE status IN ('NEW', 'FAILED')",
        "relay": b"SELECT min(create_time) + '5 s' FROM outbox WHERE publish_time IS NULL",
    },
}
_LOOK = {
    service: b"SELECT " + b", ".join(b"(%s) AS %s" % (query, name.encode()) for name, query in queries.items())
    for service, queries in _DUE.items()
}


@dataclass(frozen=True)
class Profile:
    """What goes wrong in a schedule, how often, and for how long."""

    name: str = "calm"
    seconds: float = 600.0
    """How long things go wrong and people act; then all heals."""
    chances: Mapping[str, float] = field(default_factory=dict)
    slow: float = 0.0
    """The share of requests to a provider that take up to `delay` seconds."""
    delay: float = 90.0
    kills: float = 0.0
    """Kills a minute."""
    freezes: float = 0.0
    outages: tuple[str, ...] = ()
    """What is away for a while: a provider, `nats`, `database`, `account`."""
    outage_seconds: float = 120.0
    no_redis: bool = False
    skew: bool = False
    dashboard: bool = False
    """Whether somebody works in the provider's dashboard, past the gateway."""


class World:
    """A schedule under way."""

    def __init__(
        self, seed: int, profile: Profile, stores: dict[str, Store], settings: PaymentSettings, loop: VirtualLoop
    ) -> None:
        self.seed = seed
        self.rng = random.Random(seed)
        self.profile = profile
        self.stores = stores
        self.payment_settings = settings
        self.loop = loop
        self.start = loop.time()
        self.story: list[tuple[float, str]] = []
        self.away: set[str] = set()
        self.is_healed = False
        self.locks: dict[str, float] = {}
        self.counts: dict[str, int] = {}
        self.said_to_merchants: list[tuple[str, str, str]] = []
        self.on_page: Callable[[str], None] = lambda url: None
        """To be called with the address of a page that a shop has sent a customer to."""
        self.broken: list[str] = []
        self.stream = Stream(self.chance, lambda: self.rng.uniform(0.001, 0.05))
        self.services = {name: self._service(name) for name in ("stripe", "paypal")}
        self.processes: list[Process] = []
        self._tasks: dict[asyncio.Task[Any], None] = {}
        self._events = 0
        self._looked = float("-inf")
        self._woken: dict[tuple[str, str], float] = {}
        self._due: dict[tuple[str, str], float] = {}

    # time

    def now(self) -> datetime:
        """Return the true time."""
        return BASE + timedelta(seconds=round(self.loop.time() - self.start, 6))

    def elapsed(self) -> float:
        """Return the seconds since the schedule began."""
        return self.loop.time() - self.start

    def idle(self, now: float, timer: float | None) -> float:
        """Return when something happens next: a timer, or a row that is due. Wakes the loops that look at it."""
        if timer is not None and timer < self._looked + POLL_SECONDS:
            return timer
        self._looked = now
        self._look()
        alive = {p.service for p in self.processes if not p.is_dead and p.frozen_until <= now}
        # nobody looks all the time
        looks = {
            key: max(due, self._woken.get(key, 0.0) + POLL_SECONDS, now)
            for key, due in self._due.items()
            if key[0] in alive and due < float("inf")
        }
        soonest = min(looks.values(), default=float("inf"))
        if timer is not None and timer <= soonest:
            return timer
        if not looks:
            raise StuckError(f"seed {self.seed}: nothing will ever happen, after {self.elapsed():.3f} s")
        for key, at in looks.items():
            if at <= soonest + 1e-9:
                self._wake(key, soonest)
        return soonest

    def _look(self) -> None:
        """See when rows are due, where that may have changed."""
        for service, store in self.stores.items():
            if store.is_touched:
                store.is_touched = False
                row = store.look.execute(_LOOK[service]).fetchone()
                for name, time in zip(_DUE[service], row or (), strict=True):
                    due = self.start + (time - BASE).total_seconds() if time else float("inf")
                    self._due[service, name] = due

    def _wake(self, key: tuple[str, str], at: float) -> None:
        service, name = key
        self._woken[key] = at
        self.stores[service].is_touched = True
        for process in self.processes:
            if process.service == service and not process.is_dead:
                process.workers[name].wake()

    # chance

    def chance(self, what: str) -> bool:
        """Whether something goes wrong now."""
        if self.is_healed and what != "slow_refund":
            return False
        return self.rng.random() < self.profile.chances.get(what, 0.0)

    def may(self, what: str) -> bool:
        """Whether something happens now that only some profiles have: no others' schedules change by it."""
        return what in self.profile.chances and self.chance(what)

    def is_cut_off(self, service: str) -> bool:
        """Whether a service's database is out of reach."""
        return f"database:{service}" in self.away

    def trip(self, provider: str, operation: str) -> Trip:
        """Decide what happens to a request to a provider."""
        rng = self.rng
        trip = Trip(way_there=rng.uniform(0.005, 0.1), work=rng.uniform(0.01, 0.3), way_back=rng.uniform(0.005, 0.1))
        if self.is_healed:
            return trip
        if provider in self.away:
            trip.is_refused = rng.random() < 0.5
            trip.is_lost, trip.is_cut = True, rng.random() < 0.5
        if rng.random() < self.profile.slow:
            late = rng.uniform(0, self.profile.delay)
            where = rng.choice(("way_there", "work", "way_back"))
            setattr(trip, where, late)
        trip.is_refused = trip.is_refused or self.chance("refused")
        trip.is_lost = trip.is_lost or self.chance("request_lost")
        trip.is_answer_lost = self.chance("answer_lost")
        trip.breaks = self.chance("breaks")
        trip.is_cut = trip.is_cut or rng.random() < 0.5
        return trip

    # running things

    def tell(self, text: str) -> None:
        """Write a line of the story."""
        self.story.append((self.elapsed(), text))

    def spawn(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Run something outside of the gateway."""
        task = self.loop.create_task(work, context=contextvars.Context())
        self._tasks[task] = None
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.pop(task, None)
        if not task.cancelled() and (error := task.exception()):
            self.broken.append(f"the simulation broke: {error!r}")

    async def call(
        self,
        service: str,
        rpc: Callable[[Any], Coroutine[Any, Any, Any]],
        *,
        caller: context.Call | None = None,
        within: float = 15.0,
    ) -> Any:
        """Call a replica, and return its answer. Raises ApiError; what went wrong on the way is UNAVAILABLE."""
        await asyncio.sleep(self.rng.uniform(0.0005, 0.01))
        alive = [p for p in self.processes if p.service == service and not p.is_dead]
        if not alive or self.chance("call_lost"):
            raise unavailable("UNREACHABLE", "no replica answers")
        process = self.rng.choice(alive)
        given = caller or context.current()
        call = context.Call(
            given.trace_id, given.merchant_id, idempotency_key=given.idempotency_key, method=given.method
        )
        task = process.spawn(rpc(process), call)
        # what it says may reach nobody
        task.add_done_callback(lambda late: late.cancelled() or late.exception())
        await asyncio.wait([task], timeout=within)
        if not task.done():
            task.cancel()
            raise ApiError(grpc.StatusCode.DEADLINE_EXCEEDED, "DEADLINE_EXCEEDED", "no answer in time")
        if task.cancelled() or isinstance(task.exception(), Killed) or self.chance("call_answer_lost"):
            raise unavailable("CONNECTION_LOST", "the connection was lost")
        return task.result()

    def add_process(self, service: str) -> None:
        """Start a replica."""
        number = self.counts[service] = self.counts.get(service, 0) + 1
        kind = OrderProcess if service == "orders" else PaymentProcess
        self.processes.append(kind(self, number))

    async def die(self, process: Process, after: float) -> None:
        """Kill a replica in a moment, and start another one."""
        await asyncio.sleep(after)
        if not process.is_dead:
            self.tell(f"{process.name} is killed")
            process.kill()
            await asyncio.sleep(self.rng.uniform(0.5, 30))
            self.add_process(process.service)

    async def close(self) -> None:
        """End everything."""
        for process in self.processes:
            process.kill()
        tasks = [*self._tasks, *(t for p in self.processes for t in p.tasks)]
        for task in tasks:
            task.cancel()
        while pending := [task for task in tasks if not task.done()]:
            await asyncio.wait(pending)
        for task in tasks:
            if not task.cancelled() and task.exception() and not isinstance(task.exception(), Killed):
                continue

    # the provider's side

    def account(self, provider: str, key: str) -> Service:
        """Return the account at a provider that a key opens: its name, and with a dash and a number another key."""
        name = f"{provider}-{key.partition('-')[0]}"
        if name not in self.services:
            self.services[name] = self._service(provider, name)
        return self.services[name]

    def _service(self, provider: str, account: str = "") -> Service:
        registration = discover()[provider]
        name = account or provider
        book = Book(
            provider,
            registration.capabilities,
            approving=provider == "paypal",
            now=self.loop.time,
            notify=lambda thing, kind, refund_id: self._notify(name, thing, kind, refund_id),
            account=name,
        )
        return Service(book, self.trip, lambda text: self.tell(f"{name}: {text}"), self.spawn)

    def _notify(self, name: str, thing: Thing, kind: str, refund_id: str) -> None:
        self.tell(f"{name}: {thing.reference} {kind}: {thing.state} captured {thing.captured} {refund_id}")
        if kind == "opened":
            self.spawn(self._expire(name, thing))
            return
        if self.chance("event_never_sent") and kind not in UNSOLICITED:
            return
        self._events += 1
        body = event_of(self._events, self.now(), kind, self.services[name].book, thing.intent, refund_id)
        for _ in range(2 if self.chance("event_twice") else 1):
            self.spawn(self._deliver(name, body))

    async def _expire(self, name: str, thing: Thing) -> None:
        await asyncio.sleep(PAGE_SECONDS)
        self.services[name].book.expire(thing)

    def _is_unheard(self, name: str) -> bool:
        """Whether nobody has entered the gateway's address at an account yet."""
        service = self.services[name]
        return name != service.book.name and service.hook is None

    def _receive(self, process: Any, name: str, body: bytes) -> Coroutine[Any, Any, None]:
        service = self.services[name]
        received: Coroutine[Any, Any, None] = process.parts.webhooks.receive(service.book.name, service.hook, body, {})
        return received

    async def _deliver(self, name: str, body: bytes) -> None:
        if self.chance("event_late"):
            await asyncio.sleep(self.rng.uniform(0, 300))
        for pause in RETRIES:
            await asyncio.sleep(pause + self.rng.uniform(0.01, 0.5))
            call = context.Call(f"{self.rng.getrandbits(128):032x}", method="webhook")
            if self._is_unheard(name):
                continue
            try:
                await self.call("payments", lambda p: self._receive(p, name, body), caller=call)
            except ApiError:
                continue
            return


def merchant_call(world: World, merchant_id: UUID, method: str, key: str | None = None) -> context.Call:
    """Return the call of a merchant's request."""
    trace = f"{world.rng.getrandbits(128):032x}"
    return context.Call(trace, str(merchant_id), idempotency_key=key, method=method, mode="test")
