"""Which tests a worker gets next: first what takes long, then a file's tests by the handful."""

from __future__ import annotations

from collections import Counter, OrderedDict
from functools import cached_property
from typing import Any

from xdist.scheduler import LoadGroupScheduling

HANDFUL = 20
LONGEST = (
    "@prove",
    "@chaos",
    "@chaos-gameday",
    "@gateway",
    "tests/cli/commands/test_demo.py",
    "tests/providers/",
    "tests/mesh/events/test_bus.py",
    "@",
    "tests/simulation/",
    "tests/client/",
    "tests/stack/",
)
"""How units begin that must not be the last, while the other workers have nothing left to do; the longest first."""


class Turns(LoadGroupScheduling):  # type: ignore[misc]  # it says nothing of types
    """Hands tests out as `loadgroup` does, but for what stands in no group.

    Of those a worker gets some of a file at once: so what a file's tests share is made by few workers, and what hands
    them out, which counts all that it has ever handed out for each test that ends, has little to count.
    """

    def __init__(self, config: Any, log: Any = None) -> None:
        super().__init__(config, log)
        self.workqueue = _Queue()

    def mark_test_complete(self, node: Any, item_index: int, duration: float = 0) -> None:
        """Forget what is done."""
        name = self.registered_collections[node][item_index]
        units, unit = self.assigned_work[node], self._split_scope(name)
        units[unit][name] = True
        if all(units[unit].values()):
            del units[unit]
        self._reschedule(node)

    def _split_scope(self, nodeid: str) -> str:
        return self._units[nodeid]

    @cached_property
    def _units(self) -> dict[str, str]:
        return units_of(self.collection)


class _Queue(OrderedDict[str, dict[str, bool]]):
    """Gives what takes longest first."""

    def popitem(self, last: bool = True) -> tuple[str, dict[str, bool]]:
        """Remove the next unit, and return it."""
        unit = min(self, key=_place)
        return unit, self.pop(unit)


def units_of(names: list[str]) -> dict[str, str]:
    """Return which unit each test belongs to: its group's, or one of its file's."""
    seen, units = Counter[str](), {}
    for name in names:
        group = name.rpartition("@")[2] if name.rfind("@") > name.rfind("]") else ""
        file = name.partition("::")[0]
        units[name] = f"@{group}" if group else f"{file} {seen[file] // HANDFUL}"
        seen[file] += not group
    return units


def _place(unit: str) -> int:
    return next((place for place, begin in enumerate(LONGEST) if _begins(unit, begin)), len(LONGEST))


def _begins(unit: str, begin: str) -> bool:
    return unit == begin if begin.startswith("@") and begin != "@" else unit.startswith(begin)
