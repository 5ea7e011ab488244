from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from stack.orphans import MARK, end_writers, writers
from stack.process import Child, Command
from tests.support.stack.processes import alive
from tests.support.waiting import eventually

ENV = {"PATH": os.environ["PATH"]}
WAITS = "import sys; print(flush=True); sys.stdin.read()"
IN_BETWEEN = """
import subprocess, sys
program = "import sys, pathlib, stack.orphans as o; print(o.end_writers(pathlib.Path(sys.argv[1]), 0))"
subprocess.run([sys.executable, "-c", program, sys.argv[1]], check=True)
print("goes on")
"""

Start = Callable[[Mapping[str, str]], "subprocess.Popen[bytes]"]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start what leads a session of its own and has its standard error in the folder."""
    begun: list[subprocess.Popen[bytes]] = []

    def begin(env: Mapping[str, str]) -> subprocess.Popen[bytes]:
        with (tmp_path / "of-somebody.log").open("ab") as log:
            begun.append(
                subprocess.Popen(
                    [sys.executable, "-c", WAITS],
                    env=dict(env),
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    start_new_session=True,
                )
            )
        assert begun[-1].stdout
        begun[-1].stdout.readline()
        return begun[-1]

    yield begin
    for process in begun:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("env", [ENV, {}], ids=["environment", "none"])
def test_bystander_whose_errors_go_to_the_folder_is_left_alone(
    tmp_path: Path, start: Start, env: Mapping[str, str]
) -> None:
    bystander = start(env)
    assert end_writers(tmp_path, 0) == []
    assert bystander.poll() is None


def test_what_a_stack_left_is_ended(tmp_path: Path, start: Start) -> None:
    left = start({MARK: "part"})
    assert end_writers(tmp_path, 0) == [left.pid]
    assert not alive(left.pid)


def test_child_is_known_and_what_it_starts_too(tmp_path: Path) -> None:
    part = Child("part", Command(["sh", "-c", "setsid sleep 60 & wait"], ENV, tmp_path), tmp_path / "part.log")
    part.start()
    eventually(lambda: len(list(writers(tmp_path))) == 2)
    part.kill()


def test_nobody_ends_what_started_him(tmp_path: Path) -> None:
    with (tmp_path / "up.log").open("ab") as log:
        ancestor = subprocess.run(
            [sys.executable, "-c", IN_BETWEEN, str(tmp_path)],
            env={**ENV, MARK: "part", "PYTHONPATH": os.pathsep.join(sys.path)},
            stdout=subprocess.PIPE,
            stderr=log,
            check=False,
        )
    assert ancestor.stdout.split(b"\n") == [b"[]", b"goes on", b""]
