"""How the commands take moments: as RFC 3339 writes them, in any zone; without one, or as a day, they are UTC."""

from __future__ import annotations

from datetime import UTC, datetime

FORMATS = ["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S%z"]


def in_utc(moment: datetime) -> datetime:
    """Return a moment that was given by one of the formats, in UTC."""
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
