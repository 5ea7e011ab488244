from __future__ import annotations

import errno
import json
import os
import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from stack.operate.control import NAME, Control, Say, ask
from stack.operate.rolling import ROLLED
from stack.process import StackError
from tests.support.waiting import PATIENCE

Roll = Callable[[list[str], Say], None]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """One whose path is longer than a socket's address may be."""
    deep = tmp_path / ("d" * 100)
    deep.mkdir()
    return deep


@pytest.fixture
def serving(folder: Path) -> Iterator[Callable[[Roll], None]]:
    threads: list[threading.Thread] = []
    with Control(folder) as control:

        def serve(roll: Roll) -> None:
            def until_it_ends() -> None:
                with suppress(SystemExit):
                    control.serve(30.0, roll)

            threads.append(threading.Thread(target=until_it_ends))
            threads[-1].start()

        yield serve
        for thread in threads:
            thread.join()


def test_who_takes_all_events_is_updated_first() -> None:
    """Otherwise an event of a type that only the new version knows would wait for it."""
    assert ROLLED[0] == "notify_svc"


def test_what_is_said_meanwhile_arrives(folder: Path, serving: Callable[[Roll], None]) -> None:
    def roll(names: list[str], say: Say) -> None:
        for name in names:
            say(f"replacing {name}")

    serving(roll)
    assert list(ask(folder, ["edge", "envoy"])) == ["replacing edge", "replacing envoy"]


def test_error_is_raised_where_it_was_asked(folder: Path, serving: Callable[[Roll], None]) -> None:
    def roll(names: list[str], say: Say) -> None:
        raise StackError("edge would be away")

    serving(roll)
    with pytest.raises(StackError, match="edge would be away"):
        list(ask(folder, ["edge"]))


@pytest.mark.parametrize("fault", [KeyError("a bug"), OSError(errno.ENOSPC, "no room"), RuntimeError("odd")], ids=repr)
def test_any_fault_is_told(folder: Path, serving: Callable[[Roll], None], fault: Exception) -> None:
    def roll(names: list[str], say: Say) -> None:
        raise fault

    serving(roll)
    with pytest.raises(StackError, match=re.escape(repr(fault))):
        list(ask(folder, ["edge"]))


@pytest.mark.parametrize(
    "request_line",
    [
        b"",
        b"no JSON",
        b"\xff",
        b"[]",
        b"5",
        b"{}",
        b'{"roll": 5}',
        b'{"roll": "edge"}',
        b'{"roll": [1]}',
        b"[" * 60_000,
    ],
    ids=lambda line: line[:20],
)
def test_what_is_no_request_is_told_and_ends_nothing(folder: Path, request_line: bytes) -> None:
    def roll(names: list[str], say: Say) -> None:
        pytest.fail("nobody asked for it")

    with Control(folder) as control, socket.socket(socket.AF_UNIX) as connection:
        descriptor = os.open(folder, os.O_PATH)
        connection.connect(f"/proc/self/fd/{descriptor}/{NAME}")
        os.close(descriptor)
        connection.sendall(request_line + b"\n")
        control.serve(PATIENCE, roll)
        with connection.makefile("rb") as lines:
            assert json.loads(lines.readline())["error"].startswith("no request: ")


def test_who_ended_before_the_end_is_said(folder: Path, serving: Callable[[Roll], None]) -> None:
    def roll(names: list[str], say: Say) -> None:
        raise SystemExit

    serving(roll)
    with pytest.raises(StackError, match="ended meanwhile"):
        list(ask(folder, ["edge"]))


def test_nobody_there_is_reported(tmp_path: Path) -> None:
    with pytest.raises(StackError, match="no `fusionxpay up` answers"):
        list(ask(tmp_path, []))
