from __future__ import annotations

from pathlib import Path

import pytest

from audit_svc.spool import NOWHERE, Position, Spool


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "audit.jsonl"


@pytest.fixture
def spool(file: Path) -> Spool:
    return Spool(file)


def write(file: Path, *lines: str) -> None:
    with file.open("a") as out:
        out.write("".join(lines))


def drain(spool: Spool, position: Position) -> tuple[list[bytes], Position]:
    lines = []
    while (batch := spool.read(position)).lines:
        lines += batch.lines
        position = batch.end
    return lines, position


def test_there_may_be_no_file_yet(spool: Spool) -> None:
    assert spool.read(NOWHERE).lines == []
    assert spool.backlog(NOWHERE) == 0


def test_only_whole_lines_are_read_and_each_once(spool: Spool, file: Path) -> None:
    write(file, "a\nb\nhal")
    lines, position = drain(spool, NOWHERE)
    assert lines == [b"a", b"b"]
    assert spool.backlog(position) == 3
    write(file, "f\n")
    assert drain(spool, position)[0] == [b"half"]


def test_first_line_that_is_not_whole_is_waited_for(spool: Spool, file: Path) -> None:
    write(file, "hal")
    assert drain(spool, NOWHERE) == ([], NOWHERE)
    write(file, "f\n")
    assert drain(spool, NOWHERE)[0] == [b"half"]


def test_file_set_aside_is_read_to_its_end_and_then_removed(spool: Spool, file: Path) -> None:
    write(file, "a\n")
    _, position = drain(spool, NOWHERE)
    spool.set_aside()
    assert spool.is_without_file()
    aside = file.with_name("audit.jsonl.1")
    write(aside, "late\n")
    write(file, "new\n")
    batch = spool.read(position)
    assert batch.lines == [b"late"]
    spool.drop_read(batch.end)
    assert aside.exists()
    batch = spool.read(batch.end)
    assert batch.lines == [b"new"]
    spool.drop_read(batch.end)
    assert not aside.exists()
    assert drain(spool, batch.end)[0] == []


def test_files_set_aside_are_read_in_their_order(spool: Spool, file: Path) -> None:
    for number in range(12):
        write(file, f"{number}\n")
        spool.set_aside()
    assert drain(spool, NOWHERE)[0] == [str(number).encode() for number in range(12)]


def test_position_in_a_file_that_is_gone_means_the_oldest_there_is(spool: Spool, file: Path) -> None:
    write(file, "a\nb\n")
    assert drain(spool, Position(b"gone", 2))[0] == [b"a", b"b"]
