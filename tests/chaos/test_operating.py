"""What an operator does and suffers while merchants go on: updates, lost replicas, a lost database."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import nats.errors
import nats.js.errors
import psycopg
import pytest
from typer.testing import CliRunner, Result

from cli.__main__ import app
from mesh.events.bus import EVENTS_STREAM
from stack.databases import database_url
from stack.operate.rolling import TURN_SECONDS, Roller
from stack.process import StackError
from stack.settings import StackSettings
from stack.stack import Stack
from tests.support.stack.bus import connected
from tests.support.stack.options import QUICK
from tests.support.stack.traffic import Traffic
from tests.support.waiting import eventually

pytestmark = [pytest.mark.xdist_group("chaos-replicas"), pytest.mark.slow]
WAITING = "waiting until every replica of order_svc is healthy"
SETTINGS = StackSettings(replicas=2, nats_nodes=3, durable=False, service_env=QUICK)


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with Stack(SETTINGS) as stack:
        yield stack


@pytest.fixture
def said() -> list[str]:
    return []


class Ticks:
    """What is done between two looks: each is noted with the last line that was said, and Envoy's pid."""

    def __init__(self, stack: Stack, said: list[str]) -> None:
        self._stack = stack
        self._said = said
        self.seen: list[tuple[str, int]] = []
        self.mends = ""
        """A component that is started again at the tenth after the databases are migrated."""

    def __call__(self) -> None:
        self.seen.append((self._said[-1], self._stack.ready.pids["envoy"]))
        if self.mends and [line for line, _ in self.seen].count(self._said[-1]) == 10 and len(self._said) > 1:
            self._said.append("mended")
            self._stack.begin(self.mends)
            self.mends = ""


@pytest.fixture
def ticks(stack: Stack, said: list[str]) -> Ticks:
    return Ticks(stack, said)


@pytest.fixture
def roller(stack: Stack, said: list[str], ticks: Ticks) -> Roller:
    return Roller(stack, SETTINGS, said.append, ticks)


def traffic(stack: Stack, *, repeat: bool = False) -> Traffic:
    ready = stack.ready
    return Traffic(ready.edge_url, ready.merchant.api_key, repeat=repeat)


@contextmanager
def pages(stack: Stack) -> Iterator[Counter[int]]:
    """Have somebody look at the console, by a new connection each time, while the block runs."""
    statuses: Counter[int] = Counter()
    over = threading.Event()

    def look() -> None:
        while not over.wait(0.05):
            statuses[httpx.get(f"{stack.ready.edge_url}/console/login", timeout=30).status_code] += 1

    with ThreadPoolExecutor(1) as person:
        looking = person.submit(look)
        try:
            yield statuses
        finally:
            over.set()
    looking.result()


def test_rolling_update_of_services_and_of_envoy_fails_no_request(stack: Stack, roller: Roller, ticks: Ticks) -> None:
    before = stack.ready.pids
    with traffic(stack).flowing() as merchants, pages(stack) as statuses:
        merchants.more()
        begun = time.monotonic()
        roller.roll(["order_svc", "console", "envoy"])
        seconds = time.monotonic() - begun
        merchants.more()
    assert merchants.failed == {}
    assert set(statuses) == {200}, statuses
    changed = {name for name, pid in stack.ready.pids.items() if before[name] != pid}
    assert changed == {"order_svc", "order_svc.2", "console", "console.2", "envoy"}
    assert len(ticks.seen) <= seconds / TURN_SECONDS + 1
    assert ("replacing envoy", before["envoy"]) in ticks.seen, "others are looked after while an Envoy starts"


def test_replica_is_left_alone_until_its_siblings_serve(
    stack: Stack, said: list[str], roller: Roller, ticks: Ticks
) -> None:
    stack.kill("order_svc.2")
    ticks.mends = "order_svc.2"
    with traffic(stack, repeat=True).flowing() as merchants:
        roller.roll(["order_svc"])
        merchants.more()
    assert merchants.failed == {}
    assert said[1:] == [WAITING, "mended", "replacing order_svc", "replacing order_svc.2"]


def test_killing_one_replica_of_each_fails_no_request_that_is_repeated(stack: Stack) -> None:
    with traffic(stack, repeat=True).flowing() as merchants:
        for name in ("order_svc", "payment_svc.2", "notify_svc", "edge.2"):
            merchants.more(30)
            stack.kill(name)
        merchants.more(30)
    assert merchants.failed == {}
    for name in ("order_svc", "payment_svc.2", "notify_svc", "edge.2"):
        stack.start(name)


def test_what_cannot_be_rolled_is_refused_before_anything_is_changed(stack: Stack, roller: Roller) -> None:
    before = stack.ready.pids
    with pytest.raises(StackError, match=r"no such service: postgres; there are order_svc, .*envoy"):
        roller.roll(["order_svc", "postgres"])
    assert stack.ready.pids == before


def test_node_of_nats_that_is_lost_costs_no_request_and_no_event(stack: Stack) -> None:
    with traffic(stack).flowing() as merchants:
        for name in ("nats", "nats.2", "nats.3"):
            merchants.more(30)
            stack.kill(name)
            merchants.more(30)
            stack.start(name)
            eventually(lambda: asyncio.run(_whole(stack)), "three nodes with all that there is")
        merchants.more(30)
    assert merchants.failed == {}
    eventually(lambda: set(merchants.payments) <= _told(stack), "every payment in the event log")


async def _whole(stack: Stack) -> bool:
    """Tell whether the stream is on three nodes, none of them behind."""
    try:
        async with connected(stack.ready) as client:
            info = await client.jetstream().stream_info(EVENTS_STREAM)
    except (OSError, nats.errors.Error, nats.js.errors.Error, TimeoutError):
        return False
    peers = info.cluster.replicas if info.cluster and info.cluster.replicas else []
    return len(peers) == 2 and all(peer.current and not peer.offline for peer in peers)


def _told(stack: Stack) -> set[str]:
    with psycopg.connect(stack.ready.database_urls["notify"]) as connection:
        query = "SELECT aggregate_id::text FROM events WHERE type = 'payment.succeeded'"
        return {row[0] for row in connection.execute(query)}


def test_database_that_is_lost_comes_back_and_what_came_after_its_backup_is_listed(
    stack: Stack, tmp_path: Path
) -> None:
    ready_file = tmp_path / "ready.json"
    ready_file.write_text(stack.ready.to_json())

    def run(*command: str) -> Result:
        return CliRunner().invoke(app, [*command, "--ready-file", str(ready_file)])

    with traffic(stack).flowing() as merchants:
        merchants.more()
        before = list(merchants.payments)
        made = run("backup", str(tmp_path / "backups"))
        assert made.exit_code == 0, made.output
        merchants.more()
    with psycopg.connect(stack.ready.database_urls["payments"]) as connection:
        (noted,) = connection.execute("SELECT backup_time, backup_time < now() FROM backups").fetchall()
    assert noted[1]
    _lose(stack, "payments")
    restored = run("restore", made.stdout.strip(), "--database", "payments", "--json")
    assert restored.exit_code == 0, restored.output
    listed = {one["object_id"] for one in json.loads(restored.stdout)}
    lost = set(merchants.payments) - _payments(stack)
    assert lost
    assert not lost & set(before)
    assert lost <= listed
    with psycopg.connect(stack.ready.database_urls["payments"]) as connection:
        (restores,) = connection.execute("SELECT backup_time < restore_time FROM restores").fetchall()
        kept = connection.execute("SELECT backup_time FROM backups").fetchall()
    assert restores == (True,), "what providers gave back since is asked for"
    assert kept == [noted[:1]], "a backup that was restored is as old as it was"
    again = traffic(stack, repeat=True)
    with again.flowing():
        again.more(9)
    assert again.failed == {}
    rebuilt = run("events", "rebuild")
    assert rebuilt.exit_code == 0, rebuilt.output
    assert _missing_here(run) >= len(lost)
    assert run("audit", "verify").exit_code == 0


def _missing_here(run: Callable[..., Result]) -> int:
    """Count what the provider took money for and no payment records."""
    today = datetime.now(UTC).date()
    span = ["--from", str(today - timedelta(days=1)), "--to", str(today + timedelta(days=1))]
    compared = run("reconcile", "--provider", "stripe", *span, "--json")
    return sum(one["kind"] == "MISSING_HERE" for one in json.loads(compared.stdout)["discrepancies"])


def _lose(stack: Stack, database: str) -> None:
    server = stack.ready.database_urls[database]
    with psycopg.connect(database_url(server, "postgres"), autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {database} WITH (FORCE)".encode())


def _payments(stack: Stack) -> set[str]:
    with psycopg.connect(stack.ready.database_urls["payments"]) as connection:
        return {row[0] for row in connection.execute("SELECT payment_id::text FROM payments")}
