"""Libraries without what they import where it happens to be installed: in a service, memory and time to start."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_modules: dict[str, Any] = sys.modules


@contextmanager
def without(*names: str) -> Iterator[None]:
    """Have the block's imports find modules not installed that they only look for; what is imported already stays."""
    hidden = [name for name in names if name not in _modules]
    # Python's own way to say that there is no such module
    _modules.update(dict.fromkeys(hidden))
    try:
        yield
    finally:
        for name in hidden:
            del _modules[name]


# httpx has a program for the terminal, and imports it where it can
_modules.setdefault("httpx._main", None)
