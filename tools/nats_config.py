"""NATS' configuration for Compose: `python -m tools.nats_config [--check]` writes `deploy/nats/nats.conf`."""

from __future__ import annotations

import sys
from pathlib import Path

from mesh.contract.generated import Files, main
from mesh.tls import TlsFiles
from stack.nats_config import NatsOptions, render

RENDERED = Path(__file__).resolve().parent.parent / "deploy" / "nats" / "nats.conf"
TLS = Path("/tls")


def rendered() -> Files:
    """Return what the file holds."""
    tls = TlsFiles(TLS / "cert.pem", TLS / "key.pem", TLS / "ca.pem")
    return {RENDERED: render(NatsOptions(listen="0.0.0.0:4222", store="/data", sync="always", tls=tls))}


if __name__ == "__main__":
    sys.exit(main(__doc__, rendered))
