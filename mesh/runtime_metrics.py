"""What every process tells of itself: its pool, its event loop, its connections, its certificate and its clock."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from functools import cache
from importlib.metadata import PackageNotFoundError, version

from cryptography import x509

from mesh.events.bus import Bus
from mesh.metrics import (
    BUILD,
    CERTIFICATE_EXPIRY,
    CLOCK_AHEAD,
    LOOP_LAG,
    NATS_UP,
    POOL_LIMIT,
    POOL_SIZE,
    POOL_WAITING,
)
from mesh.storage.database import Database
from mesh.tls import TlsFiles
from mesh.worker import together

TICK_SECONDS = 1.0
LOOK_TICKS = 5


class RuntimeMetrics:
    """Measures a process every five seconds, and its loop all the time."""

    def __init__(self, database: Database, bus: Bus | None, tls: TlsFiles | None, turn: Callable[[], None]) -> None:
        """Measure these; `turn` is called whenever the loop turns."""
        self._database = database
        self._bus = bus
        self._tls = tls
        self._turn = turn
        POOL_LIMIT.set(database.max_size)
        self._look()

    async def run(self) -> None:
        """Measure until cancelled. How late a short sleep ends is how long everything else waits in this process."""
        while True:
            worst = 0.0
            for _ in range(LOOK_TICKS):
                self._turn()
                started = time.monotonic()
                seconds = together(started, TICK_SECONDS)
                await asyncio.sleep(seconds)
                worst = max(worst, time.monotonic() - started - seconds)
            LOOP_LAG.set(worst)
            self._look()

    def _look(self) -> None:
        used, idle, waiting = self._database.usage()
        POOL_SIZE.labels("used").set(used)
        POOL_SIZE.labels("idle").set(idle)
        POOL_WAITING.set(waiting)
        NATS_UP.set(self._bus is None or self._bus.is_connected)
        CLOCK_AHEAD.set(time.time() - self._database.clock().timestamp())
        if self._tls:
            # a file that is being changed is read at the next look
            with contextlib.suppress(OSError, ValueError):
                certificate = x509.load_pem_x509_certificate(self._tls.cert.read_bytes())
                CERTIFICATE_EXPIRY.set(certificate.not_valid_after_utc.timestamp())


def tell_build(component: str, revision: str) -> None:
    """Say what runs here."""
    BUILD.labels(component, release(), revision).set(1)


@cache
def release() -> str:
    """Return the version of the gateway that is installed."""
    try:
        return version("fusionxpay")
    except PackageNotFoundError:
        return "unknown"
