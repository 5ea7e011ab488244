"""Connections to the stack's NATS: as its operator, who may do everything there, or as another process of the mesh."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import nats
from nats.aio.client import Client

from mesh.events.bus import BusTls, inbox_prefix
from mesh.tls import TlsFiles
from stack.authority import NATS_NAME
from stack.stack import Ready


def files_of(ready: Ready, name: str) -> TlsFiles:
    """Return the certificate of a process of the stack."""
    folder = Path(ready.ca_file).parent / name
    return TlsFiles(folder / "cert.pem", folder / "key.pem", folder / "ca.pem")


def bus_tls(ready: Ready, name: str = "operator") -> BusTls:
    """Return how a process of the stack shows NATS who it is."""
    return BusTls(files_of(ready, name), NATS_NAME)


@asynccontextmanager
async def connected(ready: Ready, name: str = "operator", **options: Any) -> AsyncIterator[Client]:
    """Lend a connection of a process of the stack."""
    tls = bus_tls(ready, name).options() if ready.nats_url.startswith("tls:") else {}
    client = await nats.connect(
        ready.nats_url.split(","), inbox_prefix=inbox_prefix(name), **({"allow_reconnect": False} | tls | options)
    )
    try:
        yield client
    finally:
        await client.close()
