"""The oldest entries of the audit go to a file, and then out of the database: what `fusionxpay audit drop` does.

Only the owner of the tables can, and only up to an entry that was anchored: what is left still hangs on a hash that is
signed and kept outside, and so does the file.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg

from mesh.signatures.anchors import Anchor, newest_first

_LOCK_SECONDS = 10


class ArchiveError(ValueError):
    """Nothing was taken out; the message says why."""


def anchor_before(folder: Path, cas: bytes, time: datetime) -> Anchor:
    """Return the newest anchor that is older than a time. Raises ArchiveError where there is none."""
    for path in newest_first(folder):
        anchor = Anchor.read(path, cas, "audit_svc")
        if anchor.time < time:
            return anchor
    raise ArchiveError(f"no entry was anchored before {time.isoformat()}: nothing can be taken out")


def write(path: Path, entries: Iterable[dict[str, Any]], anchor: Anchor) -> bytes:
    """Write entries up to an anchored one to a new file, gzip of JSON lines, and return its SHA-256.

    Raises ArchiveError where one does not follow the one before it, or the last one is not the one that was anchored,
    and FileExistsError.
    """
    last: dict[str, Any] = {}
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        with gzip.open(file, "wt", encoding="utf-8") as text:
            for entry in entries:
                if last and (entry["seq"], entry["prev_hash"]) != (last["seq"] + 1, last["hash"]):
                    break
                text.write(json.dumps(entry) + "\n")
                last = entry
        file.flush()
        os.fsync(file.fileno())
    if (last.get("seq"), last.get("hash")) != (anchor.seq, anchor.hash):
        path.unlink()
        raise ArchiveError(
            f"the entries do not end with the one that was anchored, {anchor.seq}: nothing was taken out"
        )
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)  # the name of the file, too, is there before a row is gone
    finally:
        os.close(folder)
    with path.open("rb") as written:
        return hashlib.file_digest(written, "sha256").digest()


def take_out(url: str, anchor: Anchor, digest: bytes, actor: str, reason: str) -> int:
    """Take the entries up to an anchored one out, with a note of it that stays, and return how many they were.

    `url` is the audit's database, with the role that owns its tables. The audit goes on meanwhile.
    """
    with psycopg.connect(url) as connection:
        connection.execute(f"SET LOCAL lock_timeout = '{_LOCK_SECONDS}s'".encode())
        found = connection.execute("SELECT hash FROM entries WHERE seq = %s", [anchor.seq]).fetchone()
        if not found or bytes(found[0]).hex() != anchor.hash:
            raise ArchiveError(f"entry {anchor.seq} is not there as it was anchored: nothing was taken out")
        connection.execute(
            "INSERT INTO cuts (seq, hash, archive_sha256, actor, reason) VALUES (%s, %s, %s, %s, %s)",
            [anchor.seq, bytes.fromhex(anchor.hash), digest, actor, reason],
        )
        first = connection.execute("SELECT min(seq) FROM entries").fetchone()
        gone = connection.execute("DELETE FROM entries WHERE seq <= %s", [anchor.seq]).rowcount
        if not first or gone != anchor.seq - int(first[0]) + 1:
            raise ArchiveError("there are more or fewer entries than the chain has: nothing was taken out")
        return gone
