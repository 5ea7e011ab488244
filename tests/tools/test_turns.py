"""How tests are handed to workers."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.support.paths import ROOT
from tests.support.suite.turns import HANDFUL, _Queue, units_of

MANY = 2 * HANDFUL + 3
CONFTEST = """
from tests.support.suite.turns import Turns

def pytest_xdist_make_scheduler(config, log):
    return Turns(config, log)
"""
SUITE = f"""
import os, pathlib, pytest

def note(name):
    with open(pathlib.Path(__file__).with_name("notes"), "a") as notes:
        notes.write(f"{{os.environ['PYTEST_XDIST_WORKER']}} {{name}}\\n")

@pytest.mark.parametrize("number", range({MANY}))
def test_number(number):
    note(number)

@pytest.mark.xdist_group("chaos")
@pytest.mark.parametrize("number", range(3))
def test_of_a_group(number):
    note(f"chaos{{number}}")
"""


def test_every_test_is_handed_out_once_and_what_belongs_together_to_one_worker(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(CONFTEST)
    (tmp_path / "test_many.py").write_text(SUITE)
    arguments = [
        "-q",
        "-n",
        "2",
        "--dist",
        "loadgroup",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:randomly",
        "--rootdir",
        str(tmp_path),
    ]
    command = [sys.executable, "-m", "pytest", *arguments, str(tmp_path / "test_many.py")]
    env = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    done = subprocess.run(
        command,
        cwd=tmp_path,
        env=env | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    notes = [line.split() for line in (tmp_path / "notes").read_text().splitlines()]
    names = [name for _, name in notes]
    assert sorted(names) == sorted([*map(str, range(MANY)), "chaos0", "chaos1", "chaos2"])
    # the longest first, though it stands at the end
    assert "chaos0" in names[:HANDFUL]
    units = [["chaos0", "chaos1", "chaos2"]]
    units += [[str(number) for number in range(first, min(first + HANDFUL, MANY))] for first in range(0, MANY, HANDFUL)]
    assert [len({worker for worker, name in notes if name in unit}) for unit in units] == [1] * len(units)


def test_tests_of_a_group_count_for_no_handful() -> None:
    names = ["tests/a.py::test_x@chaos", *(f"tests/a.py::test_{number}" for number in range(HANDFUL))]
    assert set(units_of(names).values()) == {"@chaos", "tests/a.py 0"}


def test_a_group_is_one_unit_and_a_file_is_handed_out_by_the_handful() -> None:
    names = [f"tests/mesh/test_a.py::test_{number}[a@b]" for number in range(HANDFUL + 1)]
    units = units_of(["tests/chaos/test_x.py::test_y@chaos", *names, "tests/chaos/test_z.py::test_y[a@b]@chaos"])
    assert [units[name] for name in names] == ["tests/mesh/test_a.py 0"] * HANDFUL + ["tests/mesh/test_a.py 1"]
    assert [unit for name, unit in units.items() if name not in names] == ["@chaos", "@chaos"]


def test_what_takes_longest_begins_first() -> None:
    queue = _Queue()
    names = ("tests/a.py 0", "@faults", "tests/cli/commands/test_demo.py 0", "@chaos-gameday", "@chaos", "tests/b.py 0")
    for name in names:
        queue[name] = {}
    popped = [queue.popitem()[0] for _ in names]
    assert popped == ["@chaos", "@chaos-gameday", "tests/cli/commands/test_demo.py 0", "@faults", *popped[-2:]]
    assert popped[-2:] == ["tests/a.py 0", "tests/b.py 0"]
    assert not queue
