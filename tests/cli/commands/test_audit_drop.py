"""The oldest entries of the audit go to a file and out of the database, and what is left can still be proved."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from psycopg.rows import dict_row

from cli.audit_archive import ArchiveError, take_out, write
from mesh.signatures.anchors import Anchor, newest_first
from stack.stack import Ready
from tests.support.stack.own_audit import OwnAudit, own_audit

FIRST, SECOND = 3, 5
LATER = "2999-01-01"


@pytest.fixture
def audit(gateway: Ready, tmp_path: Path) -> Iterator[OwnAudit]:
    with own_audit(gateway, tmp_path) as audit:
        audit.add(FIRST)
        yield audit


def drop(audit: OwnAudit, archive: Path, before: str = LATER) -> tuple[int, str]:
    words = ("--by", "ops@example.com", "--why", "a year is over")
    where = ("--archive", str(archive), "--anchors", str(audit.anchors), "--url", audit.database_url)
    return audit.command("drop", "--before", before, *where, *words)


def numbers(audit: OwnAudit) -> list[int]:
    with psycopg.connect(audit.database_url) as connection:
        return [int(row[0]) for row in connection.execute("SELECT seq FROM entries ORDER BY seq").fetchall()]


def test_what_was_taken_out_is_in_its_archive_and_the_rest_hangs_on_its_anchor(audit: OwnAudit, tmp_path: Path) -> None:
    archive = tmp_path / "audit.jsonl.gz"
    status, said = drop(audit, archive)
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    assert (status, f"{FIRST} entries up to {FIRST} are in" in said, digest in said) == (0, True, True), said
    with gzip.open(archive, "rt") as lines:
        kept = [json.loads(line) for line in lines]
    assert [entry["seq"] for entry in kept] == [1, 2, 3]
    anchored = json.loads(next(newest_first(audit.anchors)).read_text())
    assert kept[-1]["hash"] == anchored["hash"]
    assert numbers(audit) == []
    anchors = ("--anchors", str(audit.anchors))
    assert audit.verify(*anchors)[0] == 0, "with nothing left"
    audit.add(SECOND)
    status, said = audit.verify(*anchors)
    assert (status, f"{SECOND} entries are as they were written" in said) == (0, True), said
    assert f"entries up to {FIRST} were taken out on" in said
    assert f"by ops@example.com (a year is over); SHA-256 of their archive: {digest}" in said
    heads = {entry["seq"]: f"{entry['seq']}:{entry['hash']}" for entry in kept}
    assert audit.verify("--head", heads[FIRST])[0] == 0
    status, said = audit.verify("--head", heads[FIRST - 1])
    assert (status, f"entry 2 was taken out: look for it in the archive of SHA-256 {digest}" in said) == (1, True), said
    assert "ALTERED" in audit.verify("--head", f"{FIRST}:{'0' * 64}")[1]
    status, said = drop(audit, tmp_path / "nowhere" / "next.jsonl.gz")
    assert (status, "Traceback" in said) == (1, False), said
    status, said = drop(audit, tmp_path / "next.jsonl.gz")
    assert (status, numbers(audit)) == (0, []), said


def test_only_what_was_anchored_before_the_time_is_taken_out(audit: OwnAudit, tmp_path: Path) -> None:
    anchored = datetime.fromisoformat(json.loads(next(newest_first(audit.anchors)).read_text())["time"])
    status, said = drop(audit, tmp_path / "archive", (anchored - timedelta(days=1)).strftime("%Y-%m-%d"))
    assert (status, "no entry was anchored before" in said) == (1, True), said
    assert numbers(audit) == [1, 2, 3]


def test_entries_that_were_changed_are_not_taken_out(audit: OwnAudit, tmp_path: Path) -> None:
    with psycopg.connect(audit.database_url) as connection:
        connection.execute("ALTER TABLE entries DISABLE TRIGGER ALL")
        connection.execute("UPDATE entries SET path = '/v1/innocent' WHERE seq = 2")
        connection.execute("ALTER TABLE entries ENABLE TRIGGER ALL")
    status, said = drop(audit, tmp_path / "archive")
    assert (status, "entry 2 is ALTERED" in said) == (1, True), said
    assert numbers(audit) == [1, 2, 3]


def test_archive_that_is_there_is_not_written_over(audit: OwnAudit, tmp_path: Path) -> None:
    (tmp_path / "archive").write_text("of last year")
    assert drop(audit, tmp_path / "archive")[0] == 1
    assert (tmp_path / "archive").read_text() == "of last year"
    assert numbers(audit) == [1, 2, 3]


def test_cut_that_no_anchor_knows_is_found(audit: OwnAudit) -> None:
    """Who owns the database notes a cut of their own, to have entries gone without a trace."""
    audit.add(SECOND)
    with psycopg.connect(audit.database_url) as connection:
        connection.execute(
            "INSERT INTO cuts (seq, hash, archive_sha256, actor, reason) SELECT 2, hash, '', '', '' FROM entries"
            " WHERE seq = 2"
        )
        connection.execute("DELETE FROM entries WHERE seq <= 2")
    status, said = audit.verify("--anchors", str(audit.anchors))
    assert (status, "entries up to 2 were taken out, and no anchor says" in said) == (1, True), said


def test_nothing_after_the_cut_can_be_taken_out_and_no_cut_be_moved(audit: OwnAudit, tmp_path: Path) -> None:
    assert drop(audit, tmp_path / "archive")[0] == 0
    audit.add(SECOND)
    for statement in ("DELETE FROM entries", "UPDATE cuts SET seq = 8", "DELETE FROM cuts", "TRUNCATE entries"):
        with psycopg.connect(audit.database_url) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(statement.encode())
    assert numbers(audit) == [4, 5, 6, 7, 8]


def test_chain_that_has_a_gap_in_the_listing_is_not_taken_out(audit: OwnAudit, tmp_path: Path) -> None:
    """What `ListEntries` leaves out must not be deleted: nobody would have it any more."""
    anchored = json.loads(next(newest_first(audit.anchors)).read_text())
    anchor = Anchor(anchored["seq"], anchored["hash"], datetime.fromisoformat(anchored["time"]))
    columns = "seq, encode(prev_hash, 'hex') AS prev_hash, encode(hash, 'hex') AS hash"
    with psycopg.connect(audit.database_url, row_factory=dict_row) as connection:
        entries = connection.execute(f"SELECT {columns} FROM entries ORDER BY seq".encode()).fetchall()
    with pytest.raises(ArchiveError):
        write(tmp_path / "gap", [entries[0], entries[2]], anchor)
    assert not (tmp_path / "gap").exists()
    write(tmp_path / "whole", entries, anchor)


def test_more_rows_than_the_chain_has_are_not_deleted(audit: OwnAudit) -> None:
    anchored = json.loads(next(newest_first(audit.anchors)).read_text())
    anchor = Anchor(anchored["seq"], anchored["hash"], datetime.fromisoformat(anchored["time"]))
    with psycopg.connect(audit.database_url) as connection:
        connection.execute("ALTER TABLE entries DISABLE TRIGGER ALL")
        connection.execute("DELETE FROM entries WHERE seq = 2")
        connection.execute("ALTER TABLE entries ENABLE TRIGGER ALL")
    with pytest.raises(ArchiveError):
        take_out(audit.database_url, anchor, b"", "somebody", "no reason")
    assert numbers(audit) == [1, 3]
