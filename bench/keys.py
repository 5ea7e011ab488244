"""What it costs the edge to answer Envoy, with ten API keys in use and with ten thousand."""

from __future__ import annotations

import asyncio
import itertools
import secrets
import statistics
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import grpc
import psutil
import psycopg
import uvloop
from envoy.service.auth.v3 import external_auth_pb2, external_auth_pb2_grpc
from rich.console import Console

from edge.domain import Mode, digest, new_secret
from mesh.tls import TlsFiles, client_credentials, name_override, read
from stack.stack import Ready

COUNTS = (10, 10_000)
ROUNDS = 3
CONCURRENCY = 32
_MERCHANT = "INSERT INTO merchants (merchant_id, display_name, create_time) VALUES (%s, 'bench', now())"
_KEY = """
INSERT INTO api_keys
  (api_key_id, merchant_id, secret_sha256, create_time, mode, scopes, networks, signature, change_seq)
VALUES (%s, %s, %s, now(), 'test', '{*}', '{}', 'none', 0)
"""


@dataclass(frozen=True)
class Cost:
    """How many keys were in use, and the processor's time that an answer took, of the edge and of its database."""

    keys: int
    edge_us: float
    postgres_us: float


def cost(ready: Ready, seconds: float) -> list[Cost]:
    """Ask the edge about requests with few keys and with many, turn about, and return the medians."""
    secrets_of = {count: _make(ready.database_urls["identity"], count) for count in COUNTS}
    for keys in secrets_of.values():
        uvloop.run(_ask(ready, keys, seconds=0, at_least=len(keys)))
    runs = [_measure(ready, secrets_of[count], seconds) for _ in range(ROUNDS) for count in COUNTS]
    return [
        Cost(
            count,
            statistics.median(run.edge_us for run in runs if run.keys == count),
            statistics.median(run.postgres_us for run in runs if run.keys == count),
        )
        for count in COUNTS
    ]


def report(console: Console, costs: Sequence[Cost]) -> None:
    """Print what was found."""
    for one in costs:
        console.print(
            f"an answer to Envoy, {one.keys} keys in use: {one.edge_us:.0f} µs, database {one.postgres_us:.0f}"
        )


def _make(url: str, count: int) -> list[str]:
    made = [new_secret(secrets.token_bytes, Mode.TEST) for _ in range(count)]
    merchant_id = uuid.uuid4()
    with psycopg.connect(url) as connection, connection.cursor() as cursor:
        cursor.execute(_MERCHANT, [merchant_id])
        cursor.executemany(_KEY, [(uuid.uuid4(), merchant_id, digest(secret)) for secret in made])
    return made


def _measure(ready: Ready, keys: Sequence[str], seconds: float) -> Cost:
    before = [_used(ready.pids[name]) for name in ("edge", "postgres")]
    asked = uvloop.run(_ask(ready, keys, seconds))
    after = [_used(ready.pids[name]) for name in ("edge", "postgres")]
    edge, postgres = ((later - sooner) / asked * 1e6 for sooner, later in zip(before, after, strict=True))
    return Cost(len(keys), edge, postgres)


def _used(pid: int) -> float:
    members = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    return sum(sum(member.cpu_times()[:2]) for member in members)


async def _ask(ready: Ready, keys: Sequence[str], seconds: float, at_least: int = 0) -> int:
    """Ask about requests with each key in turn, and return how often. Raises AssertionError at a refusal."""
    asked = 0
    in_turn = itertools.cycle([_request(key) for key in keys])
    end = time.monotonic() + seconds
    # only Envoy may ask
    folder = Path(ready.ca_file).parent / "envoy"
    pems = read(TlsFiles(folder / "cert.pem", folder / "key.pem", folder / "ca.pem"))
    target, options = ready.services["edge"], [name_override("edge")]
    async with grpc.aio.secure_channel(target, client_credentials(pems), options=options) as channel:
        stub = external_auth_pb2_grpc.AuthorizationStub(channel)

        async def worker() -> None:
            nonlocal asked
            while time.monotonic() < end or asked < at_least:
                asked += 1
                answer = await stub.Check(next(in_turn))
                assert answer.HasField("ok_response"), answer

        await asyncio.gather(*(worker() for _ in range(CONCURRENCY)))
    return asked


def _request(secret: str) -> external_auth_pb2.CheckRequest:
    request = external_auth_pb2.CheckRequest()
    http = request.attributes.request.http
    http.method, http.path = "GET", "/v1/orders"
    http.headers["authorization"] = f"Bearer {secret}"
    http.headers["x-client-address"] = "127.0.0.1"
    return request
