"""How the circuit of a provider's operation stands. Pure: no I/O."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Circuit:
    """How the circuit of one operation stands: `closed`, `half-opened` or `opened`."""

    operation: str
    state: str
    failures: int
    open_time: datetime | None
