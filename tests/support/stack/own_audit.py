"""An audit service of a test's own, which may be attacked and cut."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import psycopg

from mesh.signatures.anchors import newest_first, seq_of
from mesh.storage.migrate import upgrade
from stack.ports import HOST, Ports
from stack.probes import grpc_serving
from stack.process import Child
from stack.stack import Ready
from tests.audit_svc.domain.test_lines import LINE
from tests.support.forks import service_command
from tests.support.paths import ROOT
from tests.support.stack.bus import files_of
from tests.support.stack.command import run_command
from tests.support.waiting import PATIENCE, eventually


@dataclass
class OwnAudit:
    """An audit service of the test's own, with a database and anchors of its own."""

    gateway: Ready
    address: str
    database_url: str
    spool: Path
    anchors: Path

    def add(self, requests: int) -> None:
        """Have so many requests audited, and then anchored."""
        with self.spool.open("ab") as spool:
            spool.write((LINE.replace(b"\n", b"") + b"\n") * requests)
        eventually(lambda: seq_of(next(newest_first(self.anchors), Path("0"))) == self.length(), "the anchor")

    def length(self) -> int:
        """Return how long the chain is, once all requests are in it."""
        lines = self.spool.read_bytes().count(b"\n")
        with psycopg.connect(self.database_url) as connection:
            query = "SELECT max(seq) FROM entries HAVING max(seq) = %s"
            return int((connection.execute(query, [lines]).fetchone() or (-1,))[0])

    def verify(self, *arguments: str) -> tuple[int, str]:
        """Return the status of `fusionxpay audit verify`, and what it says."""
        return self.command("verify", *arguments)

    def command(self, *arguments: str) -> tuple[int, str]:
        """Return the status of `fusionxpay audit …`, and what it says."""
        run = run_command(self.gateway, "audit", *arguments, "--target", self.address)
        return run.exit_code, run.output


@contextmanager
def own_audit(gateway: Ready, folder: Path) -> Iterator[OwnAudit]:
    """Run an audit service with nothing in it yet."""
    server = gateway.database_urls["audit"].rpartition("/")[0]
    name = f"audit_{uuid.uuid4().hex}"
    with psycopg.connect(f"{server}/postgres", autocommit=True) as admin, Ports() as ports:
        admin.execute(f"CREATE DATABASE {name}".encode())
        upgrade(ROOT / "audit_svc" / "migrations", f"{server}/{name}")
        address = f"{HOST}:{ports.take()}"
        own = OwnAudit(gateway, address, f"{server}/{name}", folder / "spool.jsonl", folder / "anchors")
        own.spool.touch()
        settings = {
            "LISTEN": address,
            "METRICS_LISTEN": f"{HOST}:0",
            "DATABASE_URL": own.database_url,
            "SPOOL_FILE": str(own.spool),
            "ENVOY_ADMIN_URL": "",
            "ANCHOR_FOLDER": str(own.anchors),
            "ANCHOR_SECONDS": "0.1",
            "UNIDENTIFIED_PER_SECOND": "1000000",
        }
        shared = psutil.Process(gateway.pids["audit_svc"])
        env = shared.environ() | {f"FUSIONXPAY_{key}": value for key, value in settings.items()}
        operator = files_of(gateway, "operator")
        child = Child(
            "audit_svc",
            service_command("audit_svc", env),
            folder / "log",
            ready=lambda: grpc_serving(address, "audit_svc", operator),
        )
        child.start()
        try:
            child.wait_ready(PATIENCE)
            yield own
        finally:
            child.stop(PATIENCE)
            admin.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())
