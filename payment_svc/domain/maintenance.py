"""A time in which routing gives a provider no new payments. Pure: no I/O."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Maintenance:
    """One that operators have started; `end_time` where it was ended before its time, or replaced."""

    maintenance_id: UUID
    provider: str
    operator: str
    why: str
    create_time: datetime
    until_time: datetime
    end_time: datetime | None
    ended_by: str
    active: bool
    """Whether it is under way, by the database's clock."""


def refusal(maintenance: Maintenance) -> str:
    """Say why routing passes a provider over, for a person."""
    return f"it is in maintenance until {maintenance.until_time:%Y-%m-%d %H:%M} UTC"
