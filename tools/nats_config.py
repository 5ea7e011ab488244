"""NATS' configuration for Compose: `python -m tools.nats_config [--check]` writes `deploy/nats/nats.conf`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from mesh.tls import TlsFiles
from stack.nats_config import NatsOptions, render

RENDERED = Path(__file__).resolve().parent.parent / "deploy" / "nats" / "nats.conf"
TLS = Path("/tls")


def main() -> int:
    """Write the file; with `--check` say whether it is up to date."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    tls = TlsFiles(TLS / "cert.pem", TLS / "key.pem", TLS / "ca.pem")
    text = render(NatsOptions(listen="0.0.0.0:4222", store="/data", sync="always", tls=tls))
    if not parser.parse_args().check:
        RENDERED.write_text(text)
    elif RENDERED.read_text() != text:
        sys.stderr.write(f"{RENDERED} is stale: run `make gen`\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
