"""Runs schedules: a seed's profile, its people, its disasters, and the oracle when all has come to rest."""

from __future__ import annotations

import asyncio
import contextvars
import random
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, TypeVar
from uuid import UUID

import purgatory.domain.model
import structlog

import mesh.ids
import mesh.worker
import payment_svc.providers.resilience
from payment_svc.settings import PaymentSettings, settings_class
from tests.simulation.keeper import AccountKeeper
from tests.simulation.oracle import Oracle
from tests.simulation.people import Banks, Customers, Dashboard, Operator
from tests.simulation.profiles import PROFILES
from tests.simulation.replica import CURRENT, Killed, Process
from tests.simulation.shops import SecondThoughts, Shop
from tests.simulation.world import BASE, Profile, World
from tests.support.databases.simulated import Store, stores
from tests.support.databases.virtual_loop import StuckError, VirtualLoop

T = TypeVar("T")
REST_SECONDS = 80 * 3600.0
"""How long after healing all may take to come to rest: a page lives for a day, a key is remembered for another."""
CONNECTIONS = 24


@dataclass
class Result:
    """How a schedule ended."""

    seed: int
    profile: str
    complaints: list[str]
    story: list[tuple[float, str]] = field(repr=False)
    orders: int = 0
    payments: int = 0
    captures: int = 0
    surpluses: int = 0
    reviews: int = 0
    kills: int = 0
    virtual_seconds: float = 0.0

    def tell(self) -> str:
        """Return what happened, and what is wrong with it."""
        lines = [f"{time:12.3f}  {text}" for time, text in self.story]
        wrong = [f"WRONG: {one}" for one in self.complaints]
        return "\n".join([f"seed {self.seed}, profile {self.profile}", *lines, *wrong])


class Runner:
    """Runs schedules, one after the other, on the same loop and databases."""

    def __init__(self, loop: VirtualLoop, made: dict[str, Store], connections: int = CONNECTIONS) -> None:
        self._loop = loop
        self._stores = made
        self._settings: PaymentSettings = settings_class()(
            database_url="postgresql://simulated", order_target="simulated:1"
        )
        for store in made.values():
            loop.run_until_complete(store.connect(connections))

    def run(self, seed: int, profile: str = "") -> Result:
        """Run the schedule of a seed, with the profile that the seed gives, or with one of a name."""
        self._loop.begin_anew()
        return self._loop.run_until_complete(self._run(seed, profile))

    def alone(self, story: Callable[[World], Awaitable[T]]) -> T:
        """Run a story of one's own in a world where nothing goes wrong."""
        self._loop.begin_anew()
        return self._loop.run_until_complete(self._alone(story))

    async def _alone(self, story: Callable[[World], Awaitable[T]]) -> T:
        for store in self._stores.values():
            store.clear()
        world = World(0, Profile(), self._stores, self._settings, self._loop)
        self._loop.turnstile.rng = random.Random(0)
        with _virtual(world), _unhurried(world):
            try:
                return await story(world)
            finally:
                await world.close()

    async def _run(self, seed: int, name: str) -> Result:
        for store in self._stores.values():
            store.clear()
        named = {one.name: one for one in PROFILES}
        profile = named[name] if name else PROFILES[seed % len(PROFILES)]
        # now and then held money that nobody takes is freed after hours, not after the provider's own days
        hours = 12.0 if seed % 2 else 0.0
        settings = self._settings.model_copy(update={"authorization_hours": hours})
        world = World(seed, profile, self._stores, settings, self._loop)
        self._loop.turnstile.rng = random.Random(seed)
        with _virtual(world):
            return await _play(world)


@contextmanager
def _unhurried(world: World) -> Iterator[None]:
    """Have consumers wait until there is something: who looks each hundred seconds costs as much as all else in a day.

    Not in schedules: each look takes a number of the seed's, and seeds that are kept would tell other stories.
    """
    before = mesh.worker.STEP_SECONDS
    mesh.worker.STEP_SECONDS = world.stream.idle_seconds = REST_SECONDS
    try:
        yield
    finally:
        mesh.worker.STEP_SECONDS = before


async def _play(world: World) -> Result:
    loop = world.loop
    Customers(world)
    operator, banks = Operator(world), Banks(world)
    for _ in range(2):
        world.add_process("orders")
        world.add_process("payments")
    shops = [Shop(world, number + 1) for number in range(world.rng.choice((1, 2, 3)))]
    living = [world.spawn(shop.live()) for shop in shops]
    world.spawn(operator.live())
    if "relents" in world.profile.chances:
        world.spawn(SecondThoughts(world, shops).live())
    if "changes_account" in world.profile.chances:
        living += [world.spawn(AccountKeeper(world, shop).live()) for shop in shops]
    world.spawn(banks.live())
    if world.profile.dashboard:
        world.spawn(Dashboard(world).live())
    disasters = Disasters(world)
    troubles = [world.spawn(trouble) for trouble in disasters.all()]
    wrong: list[str] = []
    try:
        await asyncio.sleep(world.profile.seconds)
        await disasters.heal(troubles)
        await _rest(world, living)
    except StuckError as error:
        wrong.append(str(error))
    world.tell("the end")
    wrong += world.broken
    oracle = Oracle(world, shops, operator)
    wrong += oracle.complaints()
    await world.close()
    books = {id(t): t for s in world.services.values() for t in s.book.things.values()}.values()
    return Result(
        world.seed,
        world.profile.name,
        wrong,
        world.story,
        orders=len(shops),
        payments=len(books),
        captures=sum(1 for thing in books if thing.captured),
        surpluses=world.stores["payments"].count("SELECT count(*) FROM refunds WHERE reason LIKE 'surplus%'"),
        reviews=len(operator.answered),
        kills=disasters.kills,
        virtual_seconds=loop.time() - world.start,
    )


async def _rest(world: World, living: list[asyncio.Task[Any]]) -> None:
    """Wait until nothing is open any more."""
    query = (
        "SELECT (SELECT count(*) FROM payments WHERE status NOT IN ('SUCCESS', 'FAILED', 'CANCELLED', ?))"
        " + (SELECT count(*) FROM refunds WHERE status NOT IN ('SUCCESS', 'FAILED'))"
        " + (SELECT count(*) FROM operations WHERE next_try_time IS NOT NULL)"
        " + (SELECT count(*) FROM reviews WHERE resolve_time IS NULL)"
        " + (SELECT count(*) FROM provider_events WHERE next_attempt_time IS NOT NULL)"
        " + (SELECT count(*) FROM outbox WHERE publish_time IS NULL)"
    )
    # held money that nobody takes stays for days
    may_be_held = not world.payment_settings.authorization_hours
    query = query.replace("?", "'AUTHORIZED'" if may_be_held else "''")
    orders = (
        "SELECT (SELECT count(*) FROM orders WHERE status = 'PROCESSING')" + (" * 0" if may_be_held else "") + ""
        " + (SELECT count(*) FROM outbox WHERE publish_time IS NULL)"
    )
    begin, wait = world.elapsed(), 60.0
    while world.elapsed() - begin < REST_SECONDS:
        await asyncio.sleep(wait)
        wait = min(wait * 1.5, 1800)
        is_open = any(store.count(query if name == "payments" else orders) for name, store in world.stores.items())
        if not is_open and all(task.done() for task in living):
            return


class Disasters:
    """Kills, freezes, outages."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._rng = world.rng
        self.kills = 0

    def all(self) -> Iterator[Any]:
        """Return what goes on."""
        profile = self._world.profile
        if profile.kills:
            yield self._kill(60 / profile.kills)
        if profile.freezes:
            yield self._freeze(60 / profile.freezes)
        for one in profile.outages:
            yield self._outage(one)

    async def heal(self, troubles: list[asyncio.Task[Any]]) -> None:
        """End them all."""
        world = self._world
        for task in troubles:
            task.cancel()
        world.is_healed = True
        world.away.clear()
        world.stream.is_away = False
        world.stream.tell()
        for service in world.services.values():
            service.book.has_forgotten_account = False
        for name in ("orders", "payments"):
            alive = [p for p in world.processes if p.service == name and not p.is_dead]
            for process in alive:
                process.frozen_until = 0.0
            for _ in range(2 - len(alive)):
                world.add_process(name)
        world.tell("all is healed")

    async def _kill(self, mean: float) -> None:
        world = self._world
        while True:
            await asyncio.sleep(self._rng.expovariate(1 / mean))
            alive = [p for p in world.processes if not p.is_dead]
            if not alive:
                continue
            victim = self._rng.choice(alive)
            world.tell(f"{victim.name} is killed")
            self.kills += 1
            victim.kill()
            world.spawn(self._restart(victim))

    async def _restart(self, victim: Process) -> None:
        await asyncio.sleep(self._rng.uniform(0.5, 30))
        if not self._world.is_healed:
            self._world.add_process(victim.service)

    async def _freeze(self, mean: float) -> None:
        world = self._world
        while True:
            await asyncio.sleep(self._rng.expovariate(1 / mean))
            alive = [p for p in world.processes if not p.is_dead]
            if alive:
                victim = self._rng.choice(alive)
                seconds = self._rng.uniform(5, 240)
                world.tell(f"{victim.name} is frozen for {seconds:.0f} s")
                victim.frozen_until = world.loop.time() + seconds

    async def _outage(self, what: str) -> None:
        world = self._world
        while True:
            await asyncio.sleep(self._rng.uniform(1, max(60.0, world.profile.outage_seconds / 10)))
            seconds = world.profile.outage_seconds * self._rng.uniform(0.2, 1.0)
            world.tell(f"{what} is away for {seconds:.0f} s")
            self._set(what, True)
            await asyncio.sleep(seconds)
            self._set(what, False)
            world.tell(f"{what} is back")

    def _set(self, what: str, away: bool) -> None:
        world = self._world
        if what == "nats":
            world.stream.is_away = away
            world.stream.tell()
        elif what == "account":
            world.services["stripe"].book.has_forgotten_account = away
        elif away:
            world.away.add(what)
        else:
            world.away.discard(what)


@contextmanager
def _virtual(world: World) -> Iterator[None]:
    """Have everything that asks for the time or a new id ask the simulation."""
    rng = random.Random(world.seed ^ 0x5EED)
    loop = world.loop

    def uuid7() -> UUID:
        stamp = int(world.now().timestamp() * 1000)
        return UUID(int=(stamp << 80) | (0x7 << 76) | (rng.getrandbits(12) << 64) | (0b10 << 62) | rng.getrandbits(62))

    def note(_logger: Any, level: str, event: MutableMapping[str, Any]) -> Any:
        if level in ("warning", "error", "critical", "info"):
            process = CURRENT.get()
            known = " ".join(f"{key}={value}" for key, value in event.items() if key != "exc_info")
            if error := event.get("exc_info"):
                known += f" {error!r}"
            world.tell(f"{process.name if process else '-'}: {level} {known}")
        raise structlog.DropEvent

    logging = structlog.get_config()
    structlog.configure(processors=[note], cache_logger_on_first_use=False)
    clock = SimpleNamespace(time=lambda: BASE.timestamp() + world.elapsed(), perf_counter=loop.time)
    undo: list[Callable[[], None]] = []

    def put(owner: Any, name: str, value: Any) -> None:
        before = getattr(owner, name)
        undo.append(lambda: setattr(owner, name, before))
        setattr(owner, name, value)

    put(mesh.ids, "uuid_utils", SimpleNamespace(uuid7=uuid7))
    put(purgatory.domain.model, "time", clock)
    put(payment_svc.providers.resilience, "time", clock)
    put(mesh.worker.Worker, "_pause", _pause)
    before_idle, loop.idle = loop.idle, world.idle
    loop.set_task_factory(_task_factory)
    loop.set_exception_handler(lambda _, told: _on_exception(world, told))
    try:
        yield
    finally:
        structlog.configure(**logging)
        loop.idle = before_idle
        loop.set_task_factory(None)
        for step in reversed(undo):
            step()


_real_pause = mesh.worker.Worker._pause


async def _pause(worker: mesh.worker.Worker, seconds: float) -> None:
    """Wait to be woken: the simulation wakes a loop when there is something for it, rather than every few seconds."""
    if seconds <= worker.interval:
        await worker._wake.wait()
    else:
        await _real_pause(worker, seconds)


def _on_exception(world: World, told: dict[str, Any]) -> None:
    """Note what nobody looked at; that a process was killed is no surprise."""
    if not isinstance(told.get("exception"), Killed):
        world.broken.append(f"{told.get('message')}: {told.get('exception')!r}")


def _task_factory(loop: asyncio.AbstractEventLoop, work: Any, **options: Any) -> asyncio.Task[Any]:
    task = asyncio.Task(work, loop=loop, **options)
    entered: contextvars.Context | None = options.get("context")
    process = entered.get(CURRENT) if entered is not None else CURRENT.get()
    if process:
        process.tasks[task] = None
        task.add_done_callback(lambda done: process.tasks.pop(done, None))
    return task


def run_seeds(server: str, name: str, seeds: Iterator[int], each: Callable[[Result], bool], profile: str = "") -> None:
    """Run schedules on databases of their own, until `each` returns False."""
    loop = VirtualLoop()
    asyncio.set_event_loop(loop)
    try:
        with stores(server, name, loop.turnstile) as made:
            runner = Runner(loop, made)
            for seed in seeds:
                if not each(runner.run(seed, profile)):
                    break
    finally:
        asyncio.set_event_loop(None)
        loop.close()
