"""The three-o'clock test (`make gameday`): one thing after the other is broken beside a Prometheus.

Payments go on all the time. For each incident: how long until the right alert fires, which other pages fire, whether
`fusionxpay status` names it, and how long after healing it is gone. It needs a `prometheus` on the PATH.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
import psycopg
from rich.console import Console
from rich.table import Table

from cli.scrape import problems, scrape
from stack.authority import Authority, Subject
from stack.observer import prometheus, targets_of
from stack.settings import StackSettings
from stack.stack import Stack
from tests.support.merchant.api import Identities, Merchant
from tests.support.merchant.receiver import serving
from tests.support.providers.sandbox import Provider
from tests.support.stack.bus import connected

BOUND_SECONDS = 30.0
PATIENCE_SECONDS = 90.0
CALM_SECONDS = 240.0
PAUSE_SECONDS = 0.25
CLIENTS = 2


@dataclass
class Scene:
    """What an incident may break."""

    stack: Stack
    provider: Provider
    merchant: Merchant
    folder: Path

    def kill_with(self, name: str, number: signal.Signals) -> None:
        """Send a component a signal."""
        os.kill(self.stack.ready.pids[name], number)

    def sql(self, database: str, statement: str) -> None:
        """Run a statement as the operator."""
        with psycopg.connect(self.stack.ready.database_urls[database], autocommit=True) as connection:
            connection.execute(statement.encode())


Break = Callable[[Scene], AbstractContextManager[None]]


@dataclass(frozen=True)
class Incident:
    """Something that breaks, and the alert that names it."""

    name: str
    alert: str
    breaking: Break
    shown_by_status: bool = True
    also: frozenset[str] = frozenset()
    """What is wrong as well then, and names a part of the same cause."""


@dataclass
class Seen:
    """What was seen of an incident."""

    incident: Incident
    fired_after: float | None = None
    others: set[str] = field(default_factory=set)
    status_named: bool = False
    gone_after: float | None = None

    @property
    def passed(self) -> bool:
        """Whether it went as it should."""
        in_time = self.fired_after is not None and self.fired_after <= BOUND_SECONDS
        named = self.status_named or not self.incident.shown_by_status
        return in_time and named and not self.others and self.gone_after is not None


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
    scene.sql("orders", "UPDATE dead_letters SET state = 'DROPPED' WHERE state = 'OPEN'")
    scene.sql("notify", "UPDATE dead_letters SET state = 'DROPPED' WHERE state = 'OPEN'")


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


UNAVAILABLE = frozenset({"AvailabilityBurning"})
INCIDENTS = (
    Incident("the provider takes 5 s", "ProviderSlow", _broken(fault, "latency", seconds=5), shown_by_status=False),
    Incident("the provider answers 500", "ProviderFailing", _broken(fault, "error_500", stored=False)),
    Incident("a wrong webhook secret", "WebhooksRejected", _broken(fault, "webhook_corrupt", attempts=1000),
             shown_by_status=False),
    Incident("NATS is away", "NatsUnreachable", _broken(stopped, "nats")),
    Incident("a service is frozen", "ServiceDown", _broken(frozen, "payment_svc")),
    Incident("PostgreSQL is away", "DatabaseUnreachable", _broken(stopped, "postgres")),
    Incident("a database is read-only", "DatabaseNotWritable", read_only, shown_by_status=False),
    Incident("Valkey is frozen", "RedisAway", _broken(frozen, "valkey"), shown_by_status=False),
    Incident("a poison event", "DeadLetterOpen", poison),
    Incident("a merchant's endpoint is dead", "EndpointFailing", dead_endpoint),
    Incident("a certificate is about to end", "CertificateExpiring", short_certificate),
    Incident("a flood without keys", "KeysRefused", flood, shown_by_status=False),
    Incident("a consumer is stuck", "ConsumerStuck", stuck_consumer, shown_by_status=False),
)  # fmt: skip


class Load:
    """Payments, all the time; what fails is tried again by the next one."""

    def __init__(self, merchant: Merchant) -> None:
        self._merchant = merchant
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=self._pay, daemon=True) for _ in range(CLIENTS)]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()

    def _pay(self) -> None:
        while not self._ended.wait(PAUSE_SECONDS):
            with suppress(httpx.HTTPError, AssertionError):
                self._merchant.charge(self._merchant.new_order()["order_id"])


def firing(url: str) -> dict[str, str]:
    """Return the alerts that fire, with their severity."""
    alerts = httpx.get(f"{url}/api/v1/alerts", timeout=10).raise_for_status().json()["data"]["alerts"]
    return {one["labels"]["alertname"]: one["labels"]["severity"] for one in alerts if one["state"] == "firing"}


def play(scene: Scene, url: str, incident: Incident) -> Seen:
    """Break something, watch, heal, and watch again."""
    seen = Seen(incident)
    with ExitStack() as broken:
        began = time.monotonic()
        broken.enter_context(incident.breaking(scene))
        while time.monotonic() < began + PATIENCE_SECONDS:
            alerts = firing(url)
            seen.others |= _others(alerts, incident)
            if incident.alert in alerts:
                seen.fired_after = time.monotonic() - began
                names = {one.alert for one in problems(scrape(scene.stack.ready.metrics))}
                seen.status_named = incident.alert in names
                break
            time.sleep(1)
    healed = time.monotonic()
    while time.monotonic() < healed + CALM_SECONDS:
        alerts = firing(url)
        seen.others |= _others(alerts, incident)
        if incident.alert not in alerts and not _others(alerts, incident):
            seen.gone_after = time.monotonic() - healed
            break
        time.sleep(1)
    return seen


def _others(alerts: dict[str, str], incident: Incident) -> set[str]:
    pages = {name for name, severity in alerts.items() if severity == "page"}
    return pages - {incident.alert} - incident.also - UNAVAILABLE


def show(console: Console, found: Sequence[Seen]) -> None:
    """Print the table."""
    table = Table("incident", "alert", "fired after", "other pages", "status names it", "gone after")
    for seen in found:
        table.add_row(
            seen.incident.name,
            seen.incident.alert,
            "never" if seen.fired_after is None else f"{seen.fired_after:.0f} s",
            ", ".join(sorted(seen.others)),
            "-" if not seen.incident.shown_by_status else "yes" if seen.status_named else "NO",
            "not yet" if seen.gone_after is None else f"{seen.gone_after:.0f} s",
            style="" if seen.passed else "red",
        )
    console.print(table)


def main(arguments: Sequence[str]) -> int:
    """Play the incidents; return 1 when one did not go as it should."""
    parser = argparse.ArgumentParser(description="Break one thing after the other, and see which alert fires.")
    parser.add_argument("--only", action="append", help="the alerts whose incidents are played; default: all")
    chosen = parser.parse_args(arguments).only
    console = Console(width=140)
    found: list[Seen] = []
    with ExitStack() as undo:
        folder = Path(undo.enter_context(TemporaryDirectory(prefix="fusionxpay-gameday-")))
        stack = undo.enter_context(Stack(StackSettings()))
        merchant = undo.enter_context(_new_merchant(stack))
        receiver = undo.enter_context(serving())
        merchant.listen(receiver)
        provider = Provider.of(stack.ready)
        undo.callback(provider.close)
        undo.enter_context(Load(merchant))
        url = undo.enter_context(prometheus(targets_of(stack.ready), folder / "prometheus"))
        scene = Scene(stack, provider, merchant, folder)
        time.sleep(20)
        for incident in INCIDENTS:
            if not chosen or incident.alert in chosen:
                found.append(play(scene, url, incident))
                console.print(f"{incident.name}: {'as it should' if found[-1].passed else 'NOT as it should'}")
    show(console, found)
    return 0 if all(seen.passed for seen in found) else 1


@contextmanager
def _new_merchant(stack: Stack) -> Iterator[Merchant]:
    identities = Identities(stack.ready)
    try:
        merchant = Merchant(stack.ready.edge_url, *identities.new_merchant())
        yield merchant
    finally:
        identities.close()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
