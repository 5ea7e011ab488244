"""How tests are handed to workers."""

from __future__ import annotations

from tests.support.suite.turns import HANDFUL, _Queue, units_of


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
