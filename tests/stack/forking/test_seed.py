"""The nursery that `fusionxpay up` forks of itself is as one that was begun, and so are its forks."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import psutil

from stack.forking.nursery import ROOM
from stack.layout import ROOT
from tests.support.stack.processes import alive
from tests.support.waiting import eventually

ENV = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), "TELLS": "nobody"}


def test_forks_of_a_process_that_was_its_own_nursery_show_and_have_what_was_ordered(tmp_path: Path) -> None:
    argv = [sys.executable, "-m", "tests.stack.forking.sower", str(tmp_path)]
    sower = subprocess.Popen(argv, env=ENV, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert sower.stdin
    assert sower.stdout
    said = json.loads(sower.stdout.readline())
    nursery, fork = psutil.Process(said["nursery"]), psutil.Process(said["fork"])
    assert (nursery.ppid(), fork.ppid()) == (sower.pid, nursery.pid)
    assert nursery.cmdline()[1:] == ["-m", "stack.forking.nursery"]
    # it shows what it was forked from until it has changed that
    eventually(lambda: fork.cmdline()[1:] == ["-m", "tests.support.stack.forked"])
    shown = nursery.environ()
    assert shown.pop("NURSERY_IMPORTS") == "tests.support.waiting"
    assert shown == {"PATH": ENV["PATH"], "CHILD_OF_A_STACK": "nursery"}
    assert fork.environ() == {"PATH": ENV["PATH"], "TOLD": "something", "WAITS": "yes"}
    eventually(lambda: (tmp_path / "fork.log").read_text() == "something [] 1\n")
    for pid in (nursery.pid, fork.pid):
        assert os.readlink(f"/proc/{pid}/fd/0") == os.devnull
    # neither is in the session of the terminal, and nobody reads what is meant for the process
    assert os.getsid(nursery.pid) == nursery.pid
    assert os.getsid(fork.pid) == fork.pid
    assert ROOM not in said["environment"]
    sower.stdin.close()
    assert sower.wait(60) == 0
    eventually(lambda: not alive(said["nursery"]) and not alive(said["fork"]))


def test_a_nursery_that_nobody_asks_for_ends_with_its_process(tmp_path: Path) -> None:
    sower = subprocess.run(
        [sys.executable, "-m", "tests.stack.forking.sower"],
        env=ENV,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    eventually(lambda: not alive(json.loads(sower.stdout)["nursery"]))
