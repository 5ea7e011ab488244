"""The files that Envoy writes its lines to, read in order and thrown away once they have been taken over.

A file is known by the digest of its first line, which holds the id of a request: names are changed and the numbers of
inodes used again. A new file is begun as for any log: the old one gets another name, and Envoy is asked to open its own
again. Once that is there, nothing more comes to the old one.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

BATCH_BYTES = 512 * 1024
MAX_LINE = 64 * 1024


@dataclass(frozen=True, slots=True)
class Position:
    """How far a spool has been read: in which file, and how many bytes of it."""

    file: bytes
    offset: int


NOWHERE = Position(b"", 0)


@dataclass(frozen=True, slots=True)
class Batch:
    """Lines that follow each other, and where the next ones begin."""

    lines: list[bytes]
    end: Position


class Spool:
    """The file that Envoy writes, and those that it wrote before."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self, position: Position) -> Batch:
        """Return the whole lines that follow a position, up to a limit; none when all has been read."""
        files = self._files()
        known = [_identity(path) for path in files]
        is_there = bool(position.file) and position.file in known
        # what is not there any more had been read to its end
        place = known.index(position.file) if is_there else 0
        offset = position.offset if is_there else 0
        for path, identity in zip(files[place:], known[place:], strict=True):
            # without a first line there is nothing to know it again by
            lines, read = _lines(path, offset) if identity else ([], 0)
            if lines:
                return Batch(lines, Position(identity, offset + read))
            offset = 0
        return Batch([], position)

    def backlog(self, position: Position) -> int:
        """Return how many bytes wait to be read."""
        files = self._files()
        total = sum(path.stat().st_size for path in files)
        return total - (position.offset if any(_identity(path) == position.file for path in files) else 0)

    def is_larger_than(self, size: int) -> bool:
        """Whether Envoy's file has grown beyond a size."""
        return self._path.exists() and self._path.stat().st_size > size

    def is_without_file(self) -> bool:
        """Whether a file was set aside, and Envoy has not opened a new one."""
        return bool(self._files()) and not self._path.exists()

    def set_aside(self) -> None:
        """Give Envoy's file another name; Envoy goes on writing to it until it opens its own again."""
        numbers = [int(path.suffix[1:]) for path in self._files()[:-1]]
        self._path.rename(self._path.with_name(f"{self._path.name}.{max(numbers, default=0) + 1}"))

    def drop_read(self, position: Position) -> None:
        """Remove the files before the one that is being read: Envoy has left them, and all of them is in the table."""
        files = self._files()
        known = [_identity(path) for path in files]
        if position.file and position.file in known:
            for path in files[: known.index(position.file)]:
                path.unlink()

    def _files(self) -> list[Path]:
        """Return the files, oldest first; those set aside are numbered."""
        aside = [path for path in self._path.parent.glob(f"{self._path.name}.*") if path.suffix[1:].isdigit()]
        aside.sort(key=lambda path: int(path.suffix[1:]))
        return [*aside, self._path] if self._path.exists() else aside


def _identity(path: Path) -> bytes:
    """Return the digest of a file's first line; nothing while it has none."""
    with path.open("rb") as file:
        line = file.readline(MAX_LINE)
    return hashlib.sha256(line).digest() if line.endswith(b"\n") else b""


def _lines(path: Path, offset: int) -> tuple[list[bytes], int]:
    """Return the whole lines of a file from an offset on, and how many bytes they are."""
    with path.open("rb") as file:
        if os.fstat(file.fileno()).st_size <= offset:
            return [], 0
        file.seek(offset)
        data = file.read(BATCH_BYTES)
    end = data.rfind(b"\n") + 1
    return data[:end].split(b"\n")[:-1], end
