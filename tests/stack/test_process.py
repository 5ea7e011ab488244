from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from stack.process import Child, Command, StackError, stop_all
from tests.support.stack.processes import Parent, alive, family
from tests.support.waiting import eventually

ENV = {"PATH": os.environ["PATH"]}


def child(folder: Path, script: str, *, ready: Callable[[], bool] | None = lambda: True, name: str = "part") -> Child:
    return Child(name, Command(["sh", "-c", script], ENV, folder), folder / f"{name}.log", ready=ready)


def test_server_that_ends_during_start_is_reported_with_the_end_of_its_log(tmp_path: Path) -> None:
    part = child(tmp_path, "echo no such option >&2; exit 3", ready=lambda: False)
    part.start()
    with pytest.raises(StackError, match=r"(?s)part ended with status 3.*part\.log.*no such option"):
        part.wait_ready(10)


def test_server_that_never_answers_is_reported_after_the_timeout(tmp_path: Path) -> None:
    part = child(tmp_path, "exec sleep 60", ready=lambda: False)
    part.start()
    with pytest.raises(StackError, match=r"part is not ready after 0\.1 s"):
        part.wait_ready(0.1)
    part.kill()


def test_job_is_ready_once_it_has_ended_well(tmp_path: Path) -> None:
    job = child(tmp_path, "touch done", ready=None)
    job.start()
    job.wait_ready(10)
    assert (tmp_path / "done").exists()


def test_job_that_fails_is_reported(tmp_path: Path) -> None:
    job = child(tmp_path, "echo broken; exit 1", ready=None)
    job.start()
    with pytest.raises(StackError, match=r"(?s)part failed with status 1.*broken"):
        job.wait_ready(10)


def test_log_of_an_earlier_start_is_not_blamed_on_the_next(tmp_path: Path) -> None:
    part = child(tmp_path, "test -e second || { echo first; touch second; exit 1; }; exit 2", ready=lambda: False)
    for message in ("first", r"\(nothing\)"):
        part.start()
        with pytest.raises(StackError, match=message):
            part.wait_ready(10)


def test_program_that_is_missing_is_reported(tmp_path: Path) -> None:
    part = Child("part", Command(["/no/such/program"], ENV, tmp_path), tmp_path / "log")
    with pytest.raises(StackError, match=r"part cannot be run: .*/no/such/program"):
        part.start()


def test_stop_lets_the_process_end_by_itself(tmp_path: Path) -> None:
    part = child(tmp_path, "trap 'touch drained; exit 0' TERM; touch armed; while :; do sleep 0.01; done")
    part.start()
    eventually((tmp_path / "armed").exists)
    part.stop(grace=10)
    assert part.pid is None
    assert (tmp_path / "drained").exists()


def test_processes_that_ignore_the_stop_are_killed_after_the_grace(tmp_path: Path) -> None:
    parts = [child(tmp_path, f"trap '' TERM; touch {n}; while :; do sleep 0.01; done", name=n) for n in ("one", "two")]
    for part in parts:
        part.start()
    eventually(lambda: (tmp_path / "one").exists() and (tmp_path / "two").exists())
    stop_all(parts, grace=0.1)
    assert [part.pid for part in parts] == [None, None]


def test_kill_takes_what_the_process_started_with_it(tmp_path: Path) -> None:
    part = child(tmp_path, "setsid sleep 60 & setsid sleep 60 & wait")
    part.start()
    pid = part.pid
    assert pid
    eventually(lambda: len(family([pid])) == 3)
    doomed = family([pid])
    part.kill()
    assert not any(alive(pid) for pid in doomed)


def test_it_can_be_started_again(tmp_path: Path) -> None:
    part = child(tmp_path, "exec sleep 60")
    part.start()
    first = part.pid
    part.kill()
    part.start()
    assert part.pid not in {None, first}
    part.kill()


def test_starting_a_running_child_changes_nothing(tmp_path: Path) -> None:
    part = child(tmp_path, "exec sleep 60")
    part.start()
    first = part.pid
    part.start()
    assert part.pid == first
    part.kill()


def test_child_lives_in_a_session_of_its_own_so_that_ctrl_c_does_not_reach_it(tmp_path: Path) -> None:
    part = child(tmp_path, "exec sleep 60")
    part.start()
    assert part.pid
    assert os.getsid(part.pid) == part.pid
    part.kill()


def test_starting_from_another_thread_is_refused(tmp_path: Path) -> None:
    refusals: list[BaseException] = []

    def start() -> None:
        try:
            child(tmp_path, "exec sleep 60").start()
        except RuntimeError as error:
            refusals.append(error)

    thread = threading.Thread(target=start)
    thread.start()
    thread.join()
    assert "main thread" in str(refusals[0])


def test_child_dies_with_a_parent_that_is_killed(tmp_path: Path, run_parent: Callable[..., Parent]) -> None:
    script = f"""
import json, pathlib, sys, time
from stack.process import (Child, Command)
folder = pathlib.Path({str(tmp_path)!r})
part = Child("part", Command([{sys.executable!r}, "-c", "import time; time.sleep(60)"], {{}}, folder), folder / "log")
part.start()
(folder / "draft").write_text(json.dumps({{"pid": part.pid}}))
(folder / "draft").rename(folder / "pid.json")
time.sleep(60)
"""
    parent = run_parent(script)
    pid = parent.wait_for(tmp_path / "pid.json")["pid"]
    assert psutil.pid_exists(pid)
    parent.process.kill()
    eventually(lambda: not alive(pid), "the child's end")
