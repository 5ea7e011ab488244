"""What may break, and how: each breaks on entering and is healed on leaving."""

from __future__ import annotations

import asyncio
import os
import pwd
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path

import httpx
import psycopg

from stack.authority import Authority, Subject
from stack.stack import Stack
from tests.support.merchant.api import Merchant
from tests.support.stack.bus import connected
from tests.support.waiting import eventually

DISK_BYTES = 32 << 20
CLOCK_OF, OFFSET = "notify_svc", "ahead"
_CLOCK = """
import time

_true = time.time


def _moved():
    with open("{offset}") as file:
        return _true() + float(file.read() or 0)


time.time = _moved
"""


class ImpossibleError(Exception):
    """This machine does not let something be broken."""


@dataclass
class Scene:
    """What an incident may break."""

    stack: Stack
    merchant: Merchant
    folder: Path

    def kill_with(self, name: str, number: signal.Signals) -> None:
        """Send a component a signal."""
        os.kill(self.stack.ready.pids[name], number)

    def sql(self, database: str, statement: str) -> int:
        """Run a statement as the operator; return how many rows it touched."""
        with psycopg.connect(self.stack.ready.database_urls[database], autocommit=True) as connection:
            return connection.execute(statement.encode()).rowcount


Break = Callable[[Scene], AbstractContextManager[None]]


@dataclass(frozen=True)
class Incident:
    """Something that breaks, and the alert that names it; without one, nobody is to be got up."""

    name: str
    alert: str
    breaking: Break
    also: frozenset[str] = frozenset()
    """What is wrong as well then, and names a part of the same cause."""


@contextmanager
def fault(scene: Scene, kind: str, **fields: object) -> Iterator[None]:
    """Have the provider misbehave towards everybody."""
    url = f"{scene.stack.ready.sandbox_url}/_sandbox/faults"
    armed = httpx.post(url, json={"kind": kind, "provider": "stripe", **fields}).raise_for_status().json()["id"]
    yield
    httpx.delete(f"{url}/{armed}").raise_for_status()


@contextmanager
def stopped(scene: Scene, name: str) -> Iterator[None]:
    """Have a server away."""
    scene.stack.stop(name)
    yield
    scene.stack.start(name)


@contextmanager
def frozen(scene: Scene, name: str) -> Iterator[None]:
    """Have a process stand still."""
    scene.kill_with(name, signal.SIGSTOP)
    yield
    scene.kill_with(name, signal.SIGCONT)


@contextmanager
def restarted(scene: Scene, name: str) -> Iterator[None]:
    """Have a server away for as long as a restart takes."""
    scene.stack.restart(name)
    yield


@contextmanager
def full_disk(scene: Scene) -> Iterator[None]:
    """Have no room left where the orders are: a disk of their own, with a file that takes all of it.

    Raises ImpossibleError: nobody here may mount one.
    """
    disk = scene.folder / "disk"
    disk.mkdir()
    disk.parent.chmod(0o711)
    if subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", disk], check=False).returncode:
        raise ImpossibleError("a disk of its own cannot be mounted: that takes root")
    with ExitStack() as undo:
        undo.callback(lambda: subprocess.run(["umount", disk], check=True))
        place, filler = disk / "postgres", disk / "filler"
        place.mkdir()
        owner = pwd.getpwuid(Path(f"/proc/{scene.stack.ready.pids['postgres']}").stat().st_uid)
        os.chown(place, owner.pw_uid, owner.pw_gid)
        scene.sql("orders", f"CREATE TABLESPACE small LOCATION '{place}'")
        undo.callback(scene.sql, "orders", "DROP TABLESPACE small")
        scene.sql("orders", "ALTER TABLE orders SET TABLESPACE small")
        undo.callback(scene.sql, "orders", "ALTER TABLE orders SET TABLESPACE pg_default")
        # without the room that rows have left behind, or it would take a while until the disk is needed
        scene.sql("orders", "VACUUM FULL orders")
        with filler.open("wb", buffering=0) as file, suppress(OSError):
            while True:
                file.write(bytes(4096))
        undo.callback(filler.unlink)
        yield


def movable_clock(folder: Path) -> dict[str, dict[str, str]]:
    """Return the environment in which a service's `time.time` is ahead by what a file in the folder says."""
    (folder / OFFSET).write_text("0")
    (folder / "sitecustomize.py").write_text(_CLOCK.format(offset=folder / OFFSET))
    return {CLOCK_OF: {"PYTHONPATH": str(folder)}}


@contextmanager
def wrong_clock(scene: Scene) -> Iterator[None]:
    """Have a process's clock be half a minute ahead of its database's. The stack has to run with `movable_clock`."""
    offset = scene.folder / OFFSET
    offset.write_text("30")
    yield
    offset.write_text("0")


@contextmanager
def read_only(scene: Scene) -> Iterator[None]:
    """Have a database that answers and cannot write."""
    scene.sql("orders", "ALTER DATABASE orders SET default_transaction_read_only = on")
    scene.sql("orders", "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                        "WHERE datname = 'orders' AND pid <> pg_backend_pid()")  # fmt: skip
    yield
    scene.sql("payments", "ALTER DATABASE orders RESET default_transaction_read_only")
    scene.sql("payments", "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'orders'")


@contextmanager
def stuck_consumer(scene: Scene) -> Iterator[None]:
    """Hold a lock that a consumer needs for each event."""
    with psycopg.connect(scene.stack.ready.database_urls["notify"]) as connection:
        connection.execute("LOCK TABLE events IN ACCESS EXCLUSIVE MODE")
        yield


@contextmanager
def poison(scene: Scene) -> Iterator[None]:
    """Publish what is no event."""

    async def publish() -> None:
        async with connected(scene.stack.ready, "payment_svc") as client:
            await client.jetstream().publish("fusionx.payment.v1.succeeded", b"\xff", timeout=10)

    asyncio.run(publish())
    yield
    for database in ("orders", "notify"):
        # one consumer gives up before the other: what comes after the mending would stay
        eventually(partial(_drop_dead_letters, scene, database), f"a dead letter of {database}")


def _drop_dead_letters(scene: Scene, database: str) -> bool:
    return scene.sql(database, "UPDATE dead_letters SET state = 'DROPPED' WHERE state = 'OPEN'") > 0


@contextmanager
def dead_endpoint(scene: Scene) -> Iterator[None]:
    """Have a merchant's endpoint that nobody answers at."""
    body = {"url": "http://127.0.0.1:9/hook", "event_types": ["order.created"]}
    made = scene.merchant.post("/v1/webhook_endpoints", body)
    yield
    path = f"/v1/webhook_endpoints/{made['webhook_endpoint_id']}"
    scene.merchant.http.delete(path).raise_for_status()


@contextmanager
def short_certificate(scene: Scene) -> Iterator[None]:
    """Give a service a certificate that ends in three days."""
    authority = Authority(Path(scene.stack.ready.ca_file).parent)
    authority.issue(Subject.of_process("order_svc"), timedelta(days=3))
    yield
    authority.issue(Subject.of_process("order_svc"))


@contextmanager
def flood(scene: Scene) -> Iterator[None]:
    """Come with keys that nobody has, from many clients."""
    ended = threading.Event()

    def ask() -> None:
        headers = {"authorization": "Bearer sk_test_" + "0" * 43}
        with httpx.Client(base_url=scene.stack.ready.edge_url, headers=headers) as client:
            while not ended.is_set():
                with suppress(httpx.HTTPError):
                    client.get("/v1/orders")

    threads = [threading.Thread(target=ask, daemon=True) for _ in range(4)]
    for thread in threads:
        thread.start()
    yield
    ended.set()
    for thread in threads:
        thread.join()


def _broken(manager: Callable[..., AbstractContextManager[None]], *arguments: object, **fields: object) -> Break:
    return lambda scene: manager(scene, *arguments, **fields)


INCIDENTS = (
    Incident("the provider takes 5 s", "ProviderSlow", _broken(fault, "latency", seconds=5)),
    Incident("the provider answers 500", "ProviderFailing", _broken(fault, "error_500", stored=False)),
    Incident("a wrong webhook secret", "WebhooksRejected", _broken(fault, "webhook_corrupt", attempts=2)),
    Incident("NATS is away", "NatsUnreachable", _broken(stopped, "nats")),
    Incident("NATS is frozen", "NatsUnreachable", _broken(frozen, "nats")),
    Incident("a service is frozen", "ServiceDown", _broken(frozen, "payment_svc")),
    Incident("PostgreSQL is restarted", "", _broken(restarted, "postgres")),
    Incident("PostgreSQL is away", "DatabaseUnreachable", _broken(stopped, "postgres")),
    Incident("a database is read-only", "DatabaseNotWritable", read_only),
    Incident("a service's disk is full", "DatabaseNotWritable", full_disk),
    Incident("Valkey is frozen", "RedisAway", _broken(frozen, "valkey")),
    Incident("a poison event", "DeadLetterOpen", poison),
    Incident("a merchant's endpoint is dead", "EndpointFailing", dead_endpoint),
    Incident("a certificate is about to end", "CertificateExpiring", short_certificate),
    Incident("a clock is wrong", "ClockSkewed", wrong_clock),
    Incident("a flood without keys", "KeysRefused", flood),
    # by then the deliveries that it would have made are late as well
    Incident("a consumer is stuck", "ConsumerStuck", stuck_consumer, frozenset({"DeliveriesLate"})),
)
