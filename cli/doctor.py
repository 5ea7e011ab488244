"""What is wrong with an installation, and what to do about it: one look at each of its parts."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import nats
import psycopg
import redis
from cryptography import x509
from nats.errors import Error as NatsError

from cli.findings import Finding
from cli.parts import edge_refuses, host_of, look_into
from cli.scrape import scrape
from mesh.alerts.rules import Process
from mesh.events.bus import ADVISORIES_STREAM, EVENTS_STREAM, BusTls, inbox_prefix
from mesh.events.participants import CONSUMERS
from mesh.rpc.dial import tls_of
from mesh.signatures.anchors import newest_first, seq_of
from mesh.storage.revision import head_revision
from stack.authority import NATS_NAME
from stack.databases import DATABASES
from stack.operate.backup import MANIFEST
from stack.probes import grpc_serving, nats_answers

SECONDS = 3.0
SKEW_SECONDS = 2.0
"""From which on a clock is to be corrected, as the alert ClockSkewed says; services bear far more."""
CERTIFICATE = timedelta(days=7)
BACKUP = timedelta(hours=26)
ANCHOR = timedelta(minutes=10)
DISK_LOW, DISK_OUT = 0.15, 0.05
BUDGET = 0.9
Ready = Mapping[str, Any]


@dataclass
class Patient:
    """What there is to look at, in the form of the ready file; what it does not name is not looked at."""

    ready: Ready
    backups: Path | None = None
    processes: list[Process] = field(default_factory=list)
    silent: set[str] = field(default_factory=set)
    """The servers of databases that did not answer: nobody waits for one of them twice."""

    def part(self, name: str) -> Any:
        """Return what the ready file says of a part; nothing where it says nothing."""
        return self.ready.get(name) or {}


def examine(ready: Ready, backups: Path | None) -> list[Finding]:
    """Look at everything that is named, for a few seconds."""
    patient = Patient(ready, backups)
    patient.processes = scrape(patient.part("metrics"))
    return [finding for check in CHECKS for finding in check(patient)]


def _settings(_patient: Patient) -> Iterator[Finding]:
    for name, value in sorted(os.environ.items()):
        if name.startswith("FUSIONXPAY_") and name.endswith("_FILE") and not os.access(value, os.R_OK):
            yield Finding("settings", f"{name} names a file that cannot be read", "mount it, or correct the path", True)


def _reachability(patient: Patient) -> Iterator[Finding]:
    tls = tls_of(patient.part("operator_tls"))
    for name, target in patient.part("services").items():
        if grpc_serving(target, name, tls):
            yield Finding("services", f"{name} is SERVING at {target}")
        else:
            todo = f"see its log, `/readyz` of its metrics, and docs/runbooks/ServiceDown.md (certificate of {name}?)"
            yield Finding("services", f"{name} is not SERVING at {target}", todo, True)
    for process in patient.processes:
        if not process.answers:
            todo = "is METRICS_LISTEN right, and may this host reach it?"
            yield Finding("services", f"{process.component} tells no metrics at {process.address}", todo, True)
    if url := patient.part("edge_url"):
        if wrong := edge_refuses(url, patient.part("ca_file") or ""):
            yield Finding("edge", f"{url}/healthz {wrong}", "look at Envoy's log and at its admin interface", True)
        else:
            yield Finding("edge", f"{url} answers")
    if url := patient.part("redis_url"):
        try:
            with redis.Redis.from_url(url, socket_timeout=SECONDS, socket_connect_timeout=SECONDS) as client:
                client.ping()
            yield Finding("redis", "Redis answers")
        except redis.RedisError as error:
            todo = "nothing is lost without it; docs/runbooks/RedisAway.md"
            yield Finding("redis", f"Redis does not answer: {type(error).__name__}", todo)


def _databases(patient: Patient) -> Iterator[Finding]:
    budget: tuple[int, int] | None = None
    for service, database in DATABASES.items():
        url = patient.part("database_urls").get(database)
        if not url or host_of(url) in patient.silent:
            continue
        try:
            with look_into(url) as connection:
                yield from _migrations(connection, service, database)
                yield from _clock(connection, database)
                budget = budget or _budget(connection)
        except psycopg.Error as error:
            said = str(error).splitlines()[0] if str(error) else repr(error)
            words = f"{database}: {said}"
            if isinstance(error, psycopg.errors.ConnectionTimeout):
                patient.silent.add(host_of(url))
                words = f"PostgreSQL at {host_of(url)} does not answer ({database} was asked): {said}"
            yield Finding("databases", words, "docs/runbooks/DatabaseUnreachable.md", True)
    if budget:
        yield from _connections(patient, *budget)


def _migrations(connection: psycopg.Connection[Any], service: str, database: str) -> Iterator[Finding]:
    row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    found = str(row[0]) if row else "none"
    spec = find_spec(service)
    wanted = head_revision(Path(str(spec.origin)).parent / "migrations") if spec else found
    if found < wanted:
        todo = f"python -m mesh.storage.migrate {service}={database}, as the role `migrations`"
        yield Finding("migrations", f"{database} is at {found}, and {service} needs {wanted}", todo, True)
    elif found > wanted:
        todo = "nothing, while an update or its withdrawal is under way; else install the version that fits"
        yield Finding("migrations", f"{database} is at {found}, newer than the {wanted} of this version", todo)
    else:
        yield Finding("migrations", f"{database} is at {found}")


def _clock(connection: psycopg.Connection[Any], database: str) -> Iterator[Finding]:
    before = time.time()
    row = connection.execute("SELECT extract(epoch FROM clock_timestamp())::float8").fetchone()
    ahead = (before + time.time()) / 2 - float(row[0] if row else before)
    if abs(ahead) > SKEW_SECONDS:
        todo = "correct the clock (chrony, systemd-timesyncd); docs/runbooks/ClockSkewed.md"
        yield Finding("clock", f"this machine is {ahead:+.1f} s from the clock of {database}", todo, True)


def _budget(connection: psycopg.Connection[Any]) -> tuple[int, int]:
    row = connection.execute(
        "SELECT current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int,"
        " (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend')"
    ).fetchone()
    assert row
    return int(row[0]), int(row[1])


def _connections(patient: Patient, most: int, used: int) -> Iterator[Finding]:
    wanted = sum(int(one.value) for process in patient.processes
                 for one in process.having("fusionxpay_database_connections_max"))  # fmt: skip
    words = f"the pools may take {wanted} of {most} connections; {used} are open"
    if wanted > most * BUDGET:
        todo = "raise max_connections, or lower DATABASE_POOL_SIZE or the number of replicas"
        yield Finding("connections", words, todo, wanted > most)
    else:
        yield Finding("connections", words)


def _nats(patient: Patient) -> Iterator[Finding]:
    if url := patient.part("nats_url"):
        # what the client has to say of a connection that fails is told by the finding
        for name in ("nats", "asyncio"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
        tls = tls_of(patient.part("operator_tls"))
        try:
            # a server that takes connections and says nothing would have the client wait for ever
            if not any(nats_answers(host_of(one), tls, SECONDS) for one in url.split(",")):
                raise TimeoutError(f"no greeting within {SECONDS:.0f} s")
            yield from asyncio.run(_streams(patient))
        except (OSError, NatsError, TimeoutError) as error:
            todo = "docs/runbooks/NatsUnreachable.md; events wait in the outboxes"
            yield Finding("nats", f"NATS does not answer: {error!r}", todo, True)


async def _streams(patient: Patient) -> list[Finding]:
    url, tls = patient.part("nats_url"), tls_of(patient.part("operator_tls"))
    options = BusTls(tls, NATS_NAME).options() if tls and url.startswith("tls:") else {}
    client = await nats.connect(
        url.split(","),
        inbox_prefix=inbox_prefix("operator"),
        allow_reconnect=False,
        connect_timeout=SECONDS,
        error_cb=_told_already,
        **options,
    )
    try:
        stream = client.jetstream(timeout=SECONDS)
        infos = {info.config.name: info for info in await stream.streams_info()}
        durables = (
            {info.name for info in await stream.consumers_info(EVENTS_STREAM)} if EVENTS_STREAM in infos else set()
        )
        found = [_stream(name, infos.get(name), len(client.servers)) for name in (EVENTS_STREAM, ADVISORIES_STREAM)]
        for name in sorted(set(CONSUMERS.values()) - durables):
            todo = "its service makes it when it starts: is it running, and may it (permissions in nats.conf)?"
            found.append(Finding("nats", f"the stream has no consumer {name}", todo, True))
        return found
    finally:
        await client.close()


async def _told_already(_error: Exception) -> None:
    """Say nothing: the default prints a traceback for each attempt."""


def _stream(name: str, info: Any, servers: int) -> Finding:
    if info is None:
        todo = "a service makes it as it connects; then `fusionxpay events rebuild`, docs/operations.md, A lost stream"
        return Finding("nats", f"there is no stream {name}", todo, True)
    replicas = info.config.num_replicas or 1
    late = [peer.name for peer in (info.cluster.replicas or [])] if info.cluster else []
    behind = [peer.name for peer in (info.cluster.replicas or []) if not peer.current] if late and info.cluster else []
    if behind:
        todo = "wait, and look at those servers: until they have caught up, one more failure may stop the stream"
        return Finding("nats", f"{name}: {', '.join(behind)} are behind", todo)
    if servers > 1 and replicas == 1:
        todo = f"nats stream edit {name} --replicas 3"
        return Finding("nats", f"{name} is at one server only, of {servers}", todo)
    return Finding("nats", f"{name} has {info.state.messages} messages, {replicas} replica(s)")


def _certificates(patient: Patient) -> Iterator[Finding]:
    folder = Path(patient.part("ca_file")).parent if patient.part("ca_file") else None
    for file in sorted([*folder.glob("*/cert.pem"), *folder.glob("ca.pem")]) if folder else ():
        try:
            end = x509.load_pem_x509_certificate(file.read_bytes()).not_valid_after_utc
        except (OSError, ValueError) as error:
            yield Finding("certificates", f"{file} cannot be read: {error}", "issue it again", True)
            continue
        left = end - datetime.now(UTC)
        if left < CERTIFICATE:
            todo = "fusionxpay certificates, or whatever issues them; docs/runbooks/CertificateExpiring.md"
            words = f"{file.parent.name}/{file.name} ends in {left.days} days"
            yield Finding("certificates", words, todo, left < timedelta(days=1))


def _disk(patient: Patient) -> Iterator[Finding]:
    seen = set()
    for name in ("log_dir", "audit_anchors"):
        place = patient.part(name)
        if not place or not Path(place).exists():
            continue
        device = Path(place).stat().st_dev
        usage = shutil.disk_usage(place)
        if device not in seen:
            seen.add(device)
            free = usage.free / usage.total
            words = f"{free:.0%} of the disk under {place} is free, {usage.free / 1e9:.1f} GB"
            todo = "make room: docs/operations.md, What grows" if free < DISK_LOW else ""
            yield Finding("disk", words, todo, free < DISK_OUT)


def _backups(patient: Patient) -> Iterator[Finding]:
    if patient.backups is None:
        yield Finding("backups", "nobody says where backups are", "say --backups, and have some (docs/operations.md)")
        return
    # what was begun and has no manifest, or is not what that says, could not be restored
    newest = max((file.stat().st_mtime for file in patient.backups.rglob(MANIFEST) if _is_whole(file)), default=0.0)
    age = timedelta(seconds=time.time() - newest)
    if age > BACKUP:
        words = f"the newest backup is {age.total_seconds() / 3600:.0f} hours old" if newest else "there is no backup"
        yield Finding("backups", words, "run the backup, and find out why it did not run", True)
    else:
        yield Finding("backups", f"the newest backup is {age.total_seconds() / 3600:.0f} hours old")


def _is_whole(manifest: Path) -> bool:
    """Return whether every file that a backup's manifest names is there; what is in them, a restore looks at."""
    try:
        dumps = json.loads(manifest.read_text())
        return bool(dumps) and all((manifest.parent / one["file"]).stat().st_size for one in dumps.values())
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return False


def _anchors(patient: Patient) -> Iterator[Finding]:
    url, place = patient.part("database_urls").get("audit"), patient.part("audit_anchors")
    if not url or not place or host_of(url) in patient.silent:
        return
    try:
        with look_into(url) as connection:
            row = connection.execute("SELECT seq, time FROM entries ORDER BY seq DESC LIMIT 1").fetchone()
    except psycopg.Error as error:
        yield Finding("audit", f"the audit's database: {error!r}", "docs/runbooks/DatabaseUnreachable.md", True)
        return
    anchored = next(map(seq_of, newest_first(Path(place))), 0)
    if row and anchored < row[0] and datetime.now(UTC) - row[1] > ANCHOR:
        todo = "is ANCHOR_FOLDER writable for audit_svc, and has it a certificate? docs/operations.md, Audit"
        yield Finding("audit", f"anchored up to entry {anchored} of {row[0]}", todo, True)
    else:
        yield Finding("audit", f"anchored up to entry {anchored}")


CHECKS: tuple[Callable[[Patient], Iterator[Finding]], ...] = (
    _settings, _reachability, _databases, _nats, _certificates, _disk, _backups, _anchors,
)  # fmt: skip
