"""What becomes of API keys while something is open that they began. Pure: no I/O."""

from __future__ import annotations

from collections.abc import Set
from typing import NamedTuple
from uuid import UUID


class Looked(NamedTuple):
    """What has become of keys."""

    ended: Set[UUID]
    changed: Set[UUID]
    """Which others were changed after the change that was named."""
    last_change: int
    """Its number; zero where nobody numbers changes."""
