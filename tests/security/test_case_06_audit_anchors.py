"""Somebody who owns the audit's database writes its history anew, hashes and all: the anchors know what it was."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import psycopg
import pytest

from audit_svc.domain import GENESIS, Entry, digest
from mesh.signatures.anchors import newest_first, seq_of
from mesh.storage.migrate import upgrade
from stack.ports import HOST, Ports
from stack.probes import grpc_serving
from stack.process import Child, Command
from stack.stack import Ready
from tests.audit_svc.test_domain import LINE
from tests.support.paths import ROOT
from tests.support.stack.bus import files_of
from tests.support.stack.mesh import operator_environment
from tests.support.waiting import PATIENCE, eventually

FIRST, SECOND = 3, 5
"""How many requests there are at the first anchor, and how many more at the second."""


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
            query = "SELECT max(seq) FROM entries HAVING count(*) = %s"
            return int((connection.execute(query, [lines]).fetchone() or (-1,))[0])

    def verify(self, *arguments: str) -> tuple[int, str]:
        """Return the status of `fusionxpay audit verify`, and what it says."""
        argv = [sys.executable, "-m", "cli", "audit", "verify", "--target", self.address, *arguments]
        env = os.environ | operator_environment(self.gateway)
        run = subprocess.run(argv, cwd=ROOT, env=env, capture_output=True, text=True, timeout=PATIENCE, check=False)
        return run.returncode, run.stdout + run.stderr

    def rewrite(self, first: int, last: int) -> None:
        """Change entries from a number on, with hashes that are right, as the owner of the database can."""
        with psycopg.connect(self.database_url) as connection:
            connection.execute("ALTER TABLE entries DISABLE TRIGGER ALL")
            connection.execute("DELETE FROM entries WHERE seq > %s", [last])
            connection.execute("UPDATE entries SET path = '/v1/innocent' WHERE seq >= %s", [first])
            columns = list(Entry.__dataclass_fields__)
            rows = connection.execute(f"SELECT seq, {', '.join(columns)} FROM entries ORDER BY seq".encode()).fetchall()
            last_hash = GENESIS
            for seq, *values in rows:
                own = digest(last_hash, seq, Entry(*values))
                connection.execute("UPDATE entries SET prev_hash = %s, hash = %s WHERE seq = %s", [last_hash, own, seq])
                last_hash = own
            connection.execute("UPDATE head SET seq = %s, hash = %s", [last, last_hash])


@pytest.fixture
def audit(gateway: Ready, tmp_path: Path) -> Iterator[OwnAudit]:
    server = gateway.database_urls["audit"].rpartition("/")[0]
    name = f"audit_{uuid.uuid4().hex}"
    with psycopg.connect(f"{server}/postgres", autocommit=True) as admin, Ports() as ports:
        admin.execute(f"CREATE DATABASE {name}".encode())
        upgrade(ROOT / "audit_svc" / "migrations", f"{server}/{name}")
        address = f"{HOST}:{ports.take()}"
        own = OwnAudit(gateway, address, f"{server}/{name}", tmp_path / "spool.jsonl", tmp_path / "anchors")
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
            Command([sys.executable, "-m", "audit_svc"], env, ROOT),
            tmp_path / "log",
            ready=lambda: grpc_serving(address, "audit_svc", operator),
        )
        child.start()
        try:
            child.wait_ready(PATIENCE)
            own.add(FIRST)
            own.add(SECOND)
            yield own
        finally:
            child.stop(PATIENCE)
            admin.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


def _truncate(audit: OwnAudit) -> None:
    audit.rewrite(FIRST + SECOND, FIRST + SECOND - 1)


def _rewrite_the_end(audit: OwnAudit) -> None:
    audit.rewrite(FIRST + 1, FIRST + SECOND)


def _rewrite_all(audit: OwnAudit) -> None:
    audit.rewrite(1, FIRST + SECOND)


def _forge_an_anchor(audit: OwnAudit) -> None:
    """Write the history anew, and an anchor that fits it, without the audit service's key."""
    audit.rewrite(1, FIRST + SECOND)
    with psycopg.connect(audit.database_url) as connection:
        (head,) = connection.execute("SELECT hash FROM head").fetchone() or (b"",)
    newest = next(newest_first(audit.anchors))
    newest.chmod(0o600)
    newest.write_text(json.dumps(json.loads(newest.read_text()) | {"hash": head.hex()}))


@pytest.mark.parametrize(
    ("attack", "said"),
    [
        pytest.param(_truncate, f"entry {FIRST + SECOND} is MISSING", id="truncated"),
        pytest.param(_rewrite_the_end, f"ALTERED after entry {FIRST}", id="end"),
        pytest.param(_rewrite_all, "ALTERED somewhere", id="all"),
        pytest.param(_forge_an_anchor, "cannot be believed", id="forged-anchor"),
    ],
)
def test_history_that_was_written_anew_is_found_by_its_anchors(
    attack: Callable[[OwnAudit], None], said: str, audit: OwnAudit
) -> None:
    anchored = ("--anchors", str(audit.anchors))
    status, before = audit.verify(*anchored)
    assert (status, f"entry {FIRST + SECOND} is the one that was anchored" in before) == (0, True), before
    assert all(path.stat().st_mode & 0o777 == 0o400 for path in newest_first(audit.anchors))
    attack(audit)
    # the chain by itself is content: whoever can calculate all hashes leaves none that is wrong
    assert audit.verify()[0] == 0
    status, after = audit.verify(*anchored)
    assert (status, said in after) == (1, True), after
