"""Somebody who owns the audit's database writes its history anew, hashes and all: the anchors know what it was."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from audit_svc.domain.entry import GENESIS, Entry, digest
from mesh.signatures.anchors import newest_first, seq_of
from stack.stack import Ready
from tests.support.stack.own_audit import OwnAudit, own_audit

FIRST, SECOND = 3, 5
"""How many requests there are at the first anchor, and how many more at the second."""


def rewrite(audit: OwnAudit, first: int, last: int) -> None:
    """Change entries from a number on, with hashes that are right, as the owner of the database can."""
    with psycopg.connect(audit.database_url) as connection:
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
    with own_audit(gateway, tmp_path) as audit:
        audit.add(FIRST)
        audit.add(SECOND)
        yield audit


def _truncate(audit: OwnAudit) -> None:
    rewrite(audit, FIRST + SECOND, FIRST + SECOND - 1)


def _rewrite_the_end(audit: OwnAudit) -> None:
    rewrite(audit, FIRST + 1, FIRST + SECOND)


def _rewrite_all(audit: OwnAudit) -> None:
    rewrite(audit, 1, FIRST + SECOND)


def _forge_an_anchor(audit: OwnAudit) -> None:
    """Write the history anew, and an anchor that fits it, without the audit service's key."""
    rewrite(audit, 1, FIRST + SECOND)
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


def test_anchor_that_is_being_written_is_not_there_yet(tmp_path: Path) -> None:
    folder = tmp_path / "2026" / "11" / "27"
    folder.mkdir(parents=True)
    (folder / "7.json").write_text("{}")
    (folder / "8.json").touch()
    assert [seq_of(path) for path in newest_first(tmp_path)] == [7]
