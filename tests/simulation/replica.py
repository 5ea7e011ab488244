"""Processes of the gateway in the simulation: the services' own use cases and loops, which may die anywhere."""

from __future__ import annotations

import asyncio
import contextvars
import functools
from collections.abc import Coroutine, Mapping
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from cryptography.fernet import Fernet
from pydantic import SecretStr

from mesh import context
from mesh.events.consumer import Consumer
from mesh.events.relay import Relay
from mesh.events.unit_of_work import UnitsOfWork
from mesh.rpc.exports import ExportTurns
from mesh.storage.lock import TTL_SECONDS, Locks, UnderWay
from mesh.vault import Vault
from mesh.worker import Worker
from order_svc.api.consumer import NAME, SUBJECTS, PaymentEvents
from order_svc.api.orders import OrderPaymentServicer, OrderServicer
from order_svc.settings import OrderSettings
from order_svc.storage.orders import OrderRepository
from order_svc.use_cases.orders import Lifetimes, Orders
from payment_svc.api.payments import PaymentServicer
from payment_svc.api.provider_accounts import ProviderAccountServicer
from payment_svc.api.refunds import RefundServicer
from payment_svc.assembly import Surroundings, assemble
from payment_svc.order_client import OrderCalls
from payment_svc.providers.registry import Registry, discover
from payment_svc.providers.resilience import ResilientProvider
from payment_svc.settings import PaymentSettings
from tests.simulation.adapter import Service, SimulatedProvider
from tests.simulation.stream import SimulatedBus
from tests.support.databases.simulated import SimulatedDatabase

if TYPE_CHECKING:
    from tests.simulation.world import World

VAULT = Vault(SecretStr(Fernet.generate_key().decode()))
CURRENT: contextvars.ContextVar[Process | None] = contextvars.ContextVar("process", default=None)


class Killed(BaseException):
    """The process is gone: nothing of it runs any more, no cleaning up either."""


class Process:
    """One process: what it runs dies with it, and its clock may be wrong."""

    def __init__(self, world: World, service: str, number: int) -> None:
        self.world = world
        self.service = service
        self.name = f"{service}-{number}"
        self.is_dead = False
        self.frozen_until = 0.0
        self.skew = timedelta(seconds=world.rng.choice((0, 0, 0, 20, -20)) if world.profile.skew else 0)
        self.tasks: dict[asyncio.Task[Any], None] = {}
        """In their order, so that a schedule repeats."""
        self.workers: dict[str, Worker] = {}
        self.database = SimulatedDatabase(world.stores[service], self, world.now)
        self.bus = SimulatedBus(world.stream, self)

    def clock(self) -> datetime:
        """Return the time that the process believes."""
        return self.world.now() + self.skew

    def spawn(self, work: Coroutine[Any, Any, Any], call: context.Call) -> asyncio.Task[Any]:
        """Run something in the process."""

        async def inside() -> Any:
            context.enter(call)
            return await work

        entered = contextvars.Context()
        entered.run(CURRENT.set, self)
        return asyncio.get_running_loop().create_task(inside(), context=entered)

    def start(self) -> None:
        """Start its loops."""
        for worker in self.workers.values():
            entered = contextvars.Context()
            entered.run(CURRENT.set, self)
            entered.run(worker.start)

    def kill(self) -> None:
        """End it where it stands. Statements that were sent are carried out; nobody hears of it."""
        self.is_dead = True
        for task in list(self.tasks):
            task.cancel()

    async def step(self) -> None:
        """Go on, later while the process is frozen. Raises Killed."""
        if self.is_dead:
            raise Killed(self.name)
        loop = asyncio.get_running_loop()
        while self.frozen_until > loop.time():  # noqa: ASYNC110 - it may be frozen for longer meanwhile
            await asyncio.sleep(self.frozen_until - loop.time())
        if self.is_dead:
            raise Killed(self.name)

    def is_cut_off(self) -> bool:
        """Whether its database is out of reach."""
        return self.world.is_cut_off(self.service)

    def loses_answer(self) -> bool:
        """Whether the answer to a commit is lost."""
        return self.world.chance("commit_answer_lost")


@functools.cache
def _order_settings() -> OrderSettings:
    """Return the defaults; reading them takes as long as a tenth of a schedule's other work."""
    return OrderSettings(database_url="postgresql://simulated")


class OrderProcess(Process):
    """A replica of the order service."""

    def __init__(self, world: World, number: int) -> None:
        super().__init__(world, "orders", number)
        settings = _order_settings()
        relay = Relay(self.database, self.bus, self.clock)
        work = UnitsOfWork(self.database, relay.carry)
        lifetimes = Lifetimes(settings.order_lifetime, settings.order_max_lifetime)
        orders = Orders(self.database, OrderRepository(), lifetimes, work, clock=self.clock)
        consumer = Consumer(
            *(NAME, SUBJECTS, self.bus, self.database, PaymentEvents(orders, work)),
            retry_delays=settings.event_retry_delays,
        )
        self.orders = OrderServicer(orders, ExportTurns())
        self.internal = OrderPaymentServicer(orders)
        expiry = Worker("order-expiry", orders.expire_due, interval=settings.expiry_interval_seconds)
        self.workers = {"relay": relay.worker, "consumer": consumer.worker, "expiry": expiry}
        self.start()


class PaymentProcess(Process):
    """A replica of the payment service."""

    def __init__(self, world: World, number: int) -> None:
        super().__init__(world, "payments", number)
        settings = world.payment_settings
        registry = _Providers(self, settings)
        loop = asyncio.get_running_loop()
        stub: Any = OrderLine(self)
        on = Surroundings(
            *(self.database, self.bus, OrderCalls(stub), registry, _Locks(world), VAULT),
            clock=self.clock,
            now=loop.time,
        )
        self.parts = assemble(settings, on)
        self.payments = PaymentServicer(self.parts.payments, ExportTurns())
        self.refunds = RefundServicer(self.parts.refunds, ExportTurns())
        self.accounts = ProviderAccountServicer(self.parts.accounts)
        names = ("webhooks", "payments", "operations", "refunds")
        self.workers = {name: one.worker for name, one in zip(names, self.parts.recoveries, strict=True)}
        self.workers["relay"] = self.parts.relay.worker
        self.start()


class _Providers(Registry):
    """The simulated providers, as one process has them."""

    def __init__(self, process: Process, settings: PaymentSettings) -> None:
        self.mode = "test"
        self._process = process
        self._limits = settings.provider_limits
        world = process.world
        self._registrations = dict.fromkeys(discover())  # type: ignore[assignment]
        self._platform = {
            name: self._of(service) for name, service in world.services.items() if name == service.book.name
        }

    def guarded(
        self, name: str, credentials: Mapping[str, str], mode: str, account_id: UUID | None = None
    ) -> ResilientProvider:
        """Make a provider of an account of a merchant's own."""
        key = credentials["api_key"]
        return self._of(self._process.world.account(name, key), key, account_id)

    def _of(self, service: Service, key: str = "", account_id: UUID | None = None) -> ResilientProvider:
        process = self._process
        made = SimulatedProvider(service, process.step, process.clock, lambda: _refunding(process), key)
        return ResilientProvider(made, self._limits, account_id)


def _refunding(process: Process) -> bool:
    """Have a process die, now and then, while it asks for a refund; return whether the refund takes its time."""
    world = process.world
    if world.may("dies_refunding"):
        world.spawn(world.die(process, world.rng.uniform(0.02, 0.6)))
    return world.chance("slow_refund")


class _Locks(Locks):
    """Redis, for all processes: there, or away."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.under_way = UnderWay()

    @asynccontextmanager
    async def hold(self, name: str, wait: float) -> Any:
        """Hold a lock for the block."""
        loop = asyncio.get_running_loop()
        if self._world.profile.no_redis:
            yield True
            return
        held, until = self._world.locks, loop.time() + wait
        while held.get(name, 0.0) > loop.time() and loop.time() < until:  # noqa: ASYNC110 - as Redis is polled
            await asyncio.sleep(0.05)
        if held.get(name, 0.0) > loop.time():
            yield False
            return
        mine = held[name] = loop.time() + TTL_SECONDS
        try:
            yield True
        finally:
            # who is killed keeps it until it runs out
            process = CURRENT.get()
            if held.get(name) == mine and not (process and process.is_dead):
                del held[name]


class OrderLine:
    """The stub that a payment process calls orders by: whichever order process answers."""

    def __init__(self, process: Process) -> None:
        self._process = process

    def __getattr__(self, method: str) -> Any:
        return functools.partial(self._ask, method)

    async def _ask(self, method: str, request: Any, timeout: float) -> Any:  # noqa: ASYNC109 - as a stub takes it
        await self._process.step()
        answer = await self._process.world.call(
            "orders", functools.partial(_order_rpc, method=method, request=request), within=timeout
        )
        await self._process.step()
        return answer


def _order_rpc(process: Any, method: str, request: Any) -> Any:
    return getattr(process.internal, method)(request, None)
