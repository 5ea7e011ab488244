"""Processes that are forked from the nursery are as those that are begun anew, and end with it."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from stack.forking import forks
from stack.forking.forks import Nurseries, nursery
from stack.layout import REPLICATED, ROOT
from stack.process import Child, Command, StackError
from tests.support.stack.processes import alive
from tests.support.waiting import eventually

ARGV = [sys.executable, "-m", "tests.support.stack.forked"]
ENV = {"PATH": os.environ["PATH"]}


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nurseries]:
    with nursery(ROOT, tmp_path_factory.mktemp("nursery") / "nursery.log", ENV) as made:
        yield made


def _child(
    from_: Nurseries, folder: Path, env: dict[str, str], ready: Callable[[], bool] | None, *arguments: str
) -> Child:
    env = {**ENV, "TOLD": "something", **env}
    return Child("part", Command([*ARGV, *arguments], env, ROOT, forks=from_), folder / "part.log", ready)


def test_a_fork_is_what_was_ordered_and_shows_it(shared: Nurseries, tmp_path: Path) -> None:
    part = _child(shared, tmp_path, {"WAITS": "yes"}, ready=lambda: True)
    part.start()
    assert part.pid
    eventually(lambda: "something" in part.log.read_text())
    shown = psutil.Process(part.pid)
    assert shown.ppid() == shared.pid
    assert [os.path.realpath(shown.cmdline()[0]), *shown.cmdline()[1:]] == [os.path.realpath(ARGV[0]), *ARGV[1:]]
    assert shown.environ() == {**ENV, "TOLD": "something", "WAITS": "yes", "CHILD_OF_A_STACK": "part"}
    assert part.log.read_text() == "something [] 1\n"
    assert os.getsid(part.pid) == part.pid
    part.stop(10)
    assert part.pid is None
    # it can be started again, and again from the nursery
    part.start()
    assert part.pid
    assert psutil.Process(part.pid).ppid() == shared.pid
    part.kill()
    assert part.pid is None


@pytest.mark.parametrize("arguments", [["a=b"], [f"argument-{number}" for number in range(50)]])
def test_a_fork_has_all_its_arguments_and_shows_what_there_is_room_for(
    arguments: list[str], shared: Nurseries, tmp_path: Path
) -> None:
    part = _child(shared, tmp_path, {"WAITS": "yes"}, lambda: True, *arguments)
    part.start()
    assert part.pid
    eventually(lambda: part.log.read_text() == f"something {arguments} 1\n", "its arguments")
    shown = psutil.Process(part.pid)
    assert shown.ppid() == shared.pid
    assert "\0".join([*ARGV[1:], *arguments]).startswith("\0".join(shown.cmdline()[1:]))
    assert shown.cmdline()[2:3] == ARGV[2:]
    assert shown.environ()["TOLD"] == "something"
    part.kill()


def test_how_a_fork_has_ended_is_told(shared: Nurseries, tmp_path: Path) -> None:
    job = _child(shared, tmp_path, {}, ready=None)
    job.start()
    with pytest.raises(StackError, match=r"(?s)failed with status 7.*something"):
        job.wait_ready(60)


def test_forks_end_with_their_nursery_and_others_are_begun_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with nursery(ROOT, tmp_path / "nursery.log", ENV) as mine:
        part = _child(mine, tmp_path, {"WAITS": "yes"}, ready=lambda: True)
        part.start()
        assert part.pid
        assert mine.pid
        pid = part.pid
        psutil.Process(mine.pid).kill()
        eventually(lambda: not alive(pid))
        eventually(lambda: part.pid is None)
        monkeypatch.setattr(forks, "AGAIN_SECONDS", 600.0)
        part.start()
        assert part.pid
        assert psutil.Process(part.pid).ppid() == os.getpid()
        part.kill()
        # one that ends at once is no help; after a while there is another one
        monkeypatch.setattr(forks, "AGAIN_SECONDS", 0.0)
        part.start()
        assert part.pid
        assert mine.pid
        assert psutil.Process(part.pid).ppid() == mine.pid
        part.kill()


def test_fork_that_fails_is_begun_anew_and_ends_nobody_else(tmp_path: Path) -> None:
    with nursery(ROOT, tmp_path / "nursery.log", ENV) as mine:
        part = _child(mine, tmp_path, {"WAITS": "yes"}, ready=lambda: True)
        part.start()
        assert part.pid
        assert mine.pid
        parent, pid = psutil.Process(mine.pid), part.pid
        _, most = parent.rlimit(resource.RLIMIT_NOFILE)
        parent.rlimit(resource.RLIMIT_NOFILE, (parent.num_fds(), most))
        assert mine.fork(ARGV, {**ENV, "TOLD": "less"}, ROOT, tmp_path / "none.log") is None
        assert mine.fork(ARGV, {**ENV, "TOLD": "much" * 1_000_000}, ROOT, tmp_path / "none.log") is None
        parent.rlimit(resource.RLIMIT_NOFILE, (most, most))
        other = mine.fork(ARGV, {**ENV, "TOLD": "more"}, ROOT, tmp_path / "other.log")
        assert other
        assert other.wait(60) == 7
        assert part.pid == pid
        assert not (tmp_path / "none.log").exists()
        part.kill()


def test_fork_that_comes_too_late_does_not_begin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with nursery(ROOT, tmp_path / "nursery.log", ENV) as mine:
        part = _child(mine, tmp_path, {"WAITS": "yes"}, ready=lambda: True)
        part.start()
        assert part.pid
        assert mine.pid
        pid = part.pid
        os.kill(mine.pid, signal.SIGSTOP)
        with monkeypatch.context() as shortly:
            shortly.setattr(forks, "FORK_SECONDS", 0.2)
            assert mine.fork(ARGV, {**ENV, "TOLD": "late"}, ROOT, tmp_path / "late.log") is None
        assert not mine.can_be(ARGV, ENV)
        os.kill(mine.pid, signal.SIGCONT)
        eventually(lambda: mine.can_be(ARGV, ENV))
        other = mine.fork(ARGV, {**ENV, "TOLD": "more"}, ROOT, tmp_path / "other.log")
        assert other
        assert other.wait(60) == 7
        assert part.pid == pid
        assert not (tmp_path / "late.log").exists()
        part.kill()


def test_what_begins_otherwise_is_no_fork(shared: Nurseries) -> None:
    assert shared.can_be(ARGV, ENV | {"ANY": "thing"})
    for name in ("PYTHONPATH", "PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION", "TZ", "LC_ALL", "LANG"):
        assert not shared.can_be(ARGV, ENV | {name: "another"})
    assert not shared.can_be(ARGV[:2], ENV)
    assert not shared.can_be(["sh", "-c", "true"], ENV)


def test_code_that_was_changed_since_is_begun_anew(shared: Nurseries, monkeypatch: pytest.MonkeyPatch) -> None:
    """`fusionxpay roll` after an update: a fork would have half of the code of before."""
    monkeypatch.setattr(forks, "stamp", lambda *_: "another")
    assert not shared.can_be(ARGV, ENV)


def test_every_change_of_shared_code_is_seen(tmp_path: Path) -> None:
    (tmp_path / "mesh" / "storage").mkdir(parents=True)
    module, newest = tmp_path / "mesh" / "storage" / "rows.py", tmp_path / "mesh" / "worker.py"
    for path in (module, newest):
        path.write_text("")
    os.utime(newest, (time.time() + 60, time.time() + 60))
    seen = {forks.stamp(tmp_path, ["mesh", "gen"])}
    os.utime(module, (time.time() + 30, time.time() + 30))
    seen.add(forks.stamp(tmp_path, ["mesh", "gen"]))
    # as by `rsync --archive`, which keeps the times of what it copies
    module.write_text("more")
    os.utime(module, (time.time() - 60, time.time() - 60))
    seen.add(forks.stamp(tmp_path, ["mesh", "gen"]))
    module.unlink()
    seen.add(forks.stamp(tmp_path, ["mesh", "gen"]))
    assert len(seen) == 4


def test_no_two_forks_make_the_same_ids(shared: Nurseries, tmp_path: Path) -> None:
    """Chance that was drawn before the fork would be drawn by all."""
    made = []
    for number in range(2):
        log = tmp_path / f"{number}.log"
        argv = [sys.executable, "-m", "tests.support.stack.ids"]
        fork = shared.fork(argv, ENV, ROOT, log)
        assert fork
        assert fork.wait(60) == 0
        made += log.read_text().split()
    assert len({uuid.UUID(one).int & ((1 << 62) - 1) for one in made}) == len(made) == 20


def test_a_fork_tells_nothing_of_what_was_imported_for_others(tmp_path: Path) -> None:
    """Whoever looks at a process would find metrics and alerts of services that it is not."""
    argv = [sys.executable, "-m", "tests.stack.forking.told"]
    alone = subprocess.run(argv, env=ENV, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    with nursery(ROOT, tmp_path / "nursery.log", ENV, REPLICATED) as mine:
        fork = mine.fork(argv, ENV, ROOT, tmp_path / "told.log")
        assert fork
        assert fork.wait(60) == 0
    assert (tmp_path / "told.log").read_text() == alone
