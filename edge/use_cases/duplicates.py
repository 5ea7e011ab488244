"""Names that stand twice in one JSON object: one reader keeps the last of them, another one the first."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

from mesh.errors import FieldViolation

TWICE = "stands twice: which one is meant?"
_NAME_ENDS = re.compile(rb'"[ \t\r\n]*:')
_Place = tuple[Any, str]
"""Where a value stands: the place of what holds it, and the step from there. Written out only where it is told."""


class _Object(dict[str, Any]):
    """An object that knows which of its names stood there before."""

    twice: tuple[str, ...] = ()


def of_body(body: bytes, document: Any) -> Iterator[FieldViolation]:
    """Yield the path of each name that stands twice in an object of the body; `document` is what was read of it.

    Only a body that has more ends of names than the document has names is read again, which is slow: a text may have
    them too.
    """
    if len(_NAME_ENDS.findall(body)) == _names(document):
        return
    try:
        again = json.loads(body, object_pairs_hook=_object, parse_int=str, parse_float=str)
    except RecursionError:
        yield FieldViolation("body", "is nested too deep")
        return
    found: list[tuple[_Place | None, Any]] = [(None, again)]
    # grows under way: what stands higher is told first
    for place, value in found:
        if isinstance(value, _Object):
            yield from (FieldViolation(_path((place, f".{name}")), TWICE) for name in value.twice)
            inner = ((f".{name}", one) for name, one in value.items() if isinstance(one, dict | list))
        else:
            inner = ((f"[{number}]", one) for number, one in enumerate(value) if isinstance(one, dict | list))
        found += (((place, step), one) for step, one in inner)


def _path(place: _Place | None) -> str:
    steps = []
    while place is not None:
        place, step = place
        steps.append(step)
    return "".join(reversed(steps)).removeprefix(".")


def _names(document: Any) -> int:
    """Return how many names the objects of a document have."""
    count, left = 0, [document]
    while left:
        value = left.pop()
        if type(value) is dict:
            count += len(value)
            left += value.values()
        elif type(value) is list:
            left += value
    return count


def _object(pairs: list[tuple[str, Any]]) -> _Object:
    found = _Object(pairs)
    if len(found) < len(pairs):
        times = Counter(name for name, _ in pairs)
        found.twice = tuple(name for name, count in times.items() if count > 1)
    return found
