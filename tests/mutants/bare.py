"""A process that has imported what no change is made to, and nothing of ours: forks of it import what was changed."""

from __future__ import annotations

import importlib
import os
import signal
from multiprocessing.connection import Connection
from typing import NoReturn

from tests.mutants.trial import be

IMPORTED = ("grpc", "hypothesis.strategies", "httpx", "psycopg", "pydantic_settings", "sqlalchemy", "structlog", "nats",
            "sqlalchemy.dialects.postgresql", "protovalidate", "stripe", "alembic.command", "uvloop", "pytest_asyncio",
            "opentelemetry.sdk.trace", "prometheus_client", "cryptography.fernet")  # fmt: skip


def begin(wire: Connection, theirs: Connection) -> None:
    """Fork it; it ends with whoever began it."""
    for name in IMPORTED:
        importlib.import_module(name)
    if os.fork() == 0:
        theirs.close()
        _serve(wire)


def _serve(wire: Connection) -> NoReturn:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while True:
        try:
            order = wire.recv()
        except EOFError:
            os._exit(0)
        if order is None:
            os._exit(0)
        child = os.fork()
        if child == 0:
            be(order, wire, None)
        _, status = os.waitpid(child, 0)
        wire.send(("ended", status))
