"""Where a chain of hashes stood at a time, signed and kept outside of its database, which so cannot change its past.

An anchor is a small object that is written once, `<folder>/<year>/<month>/<day>/<number>.json`: a folder that is
mounted from an object store, with a lock on what is in it, is as good as one on a disk.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from mesh.signatures.signing import SignatureError, SigningKey, certified, store_of

_PURPOSE = b"fusionxpay: where a chain of hashes stood, signed by who writes to it\0"


class AnchorError(ValueError):
    """An anchor is not what the writer of the chain has left."""


@dataclass(frozen=True, slots=True)
class Anchor:
    """The number of an entry, its hash in hexadecimal, and when it was the last."""

    seq: int
    hash: str
    time: datetime

    def signed(self, key: SigningKey) -> dict[str, Any]:
        """Return the anchor as it is kept."""
        signature = key.sign(_PURPOSE, self._bytes())
        kept = {"seq": self.seq, "hash": self.hash, "time": self.time.isoformat()}
        return kept | {"signature": signature, "certificate": key.certificates}

    def _bytes(self) -> bytes:
        return f"{self.seq}:{self.hash}:{self.time.isoformat()}".encode()

    @classmethod
    def read(cls, path: Path, cas: bytes, signer: str) -> Anchor:
        """Return the anchor in a file. Raises AnchorError unless the named process of the mesh has signed it."""
        try:
            kept = json.loads(path.read_text())
            anchor = cls(int(kept["seq"]), str(kept["hash"]), datetime.fromisoformat(kept["time"]))
            signatory = certified(store_of(cas), kept["certificate"], anchor.time)
            signatory.check(_PURPOSE, anchor._bytes(), kept["signature"])
        except (OSError, ValueError, KeyError, TypeError, SignatureError) as error:
            raise AnchorError(f"the anchor {path} cannot be believed: {error}") from None
        if signatory.name != signer or anchor.seq != seq_of(path):
            raise AnchorError(f"the anchor {path} is not {signer}'s")
        return anchor


def keep(folder: Path, anchor: Anchor, key: SigningKey) -> None:
    """Write an anchor; one of the same number that is there stays as it is. Raises OSError."""
    path = folder / anchor.time.strftime("%Y/%m/%d") / f"{anchor.seq:020}.json"
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o400)
    except FileExistsError:
        return
    with os.fdopen(file, "w") as text:
        text.write(json.dumps(anchor.signed(key)) + "\n")
        text.flush()
        os.fsync(text.fileno())


def newest_first(folder: Path) -> Iterator[Path]:
    """Yield the files of the anchors, those of the newest first; one that is being written is not there yet."""
    written = (path for path in folder.glob("*/*/*/*.json") if path.stat().st_size)
    yield from sorted(written, key=seq_of, reverse=True)


def seq_of(path: Path) -> int:
    """Return the number of the entry that an anchor is for, by the name of its file; 0 for what is none."""
    return int(path.stem) if path.stem.isdecimal() else 0
