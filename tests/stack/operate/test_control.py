from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from stack.operate.control import Control, Say, ask
from stack.process import StackError

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
            threads.append(threading.Thread(target=control.serve, args=(30.0, roll)))
            threads[-1].start()

        yield serve
        for thread in threads:
            thread.join()


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


def test_who_ended_before_the_end_is_said(folder: Path, serving: Callable[[Roll], None]) -> None:
    def roll(names: list[str], say: Say) -> None:
        raise KeyError

    serving(roll)
    with pytest.raises(StackError, match="ended meanwhile"):
        list(ask(folder, ["edge"]))


def test_nobody_there_is_reported(tmp_path: Path) -> None:
    with pytest.raises(StackError, match="no `fusionxpay up` answers"):
        list(ask(tmp_path, []))
