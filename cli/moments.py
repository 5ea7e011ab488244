"""How the commands take moments: as RFC 3339 writes them, in any zone; without one, or as a day, they are UTC."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import typer

# of the fractions that there are, a datetime has the first six digits
_WRITTEN = re.compile(r"(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d:\d\d(?:\.\d{1,6})?)\d*(Z|[+-]\d\d:?\d\d)?)?", re.ASCII)


def moment(text: str) -> datetime:
    """Return a moment in UTC. Raises BadParameter, with what is one."""
    # the T and the Z may be small: RFC 3339, section 5.6
    if found := _WRITTEN.fullmatch(text.upper()):
        day, time, zone = found.groups()
        try:
            return datetime.fromisoformat(f"{day}T{time or '00:00:00'}{zone or 'Z'}").astimezone(UTC)
        except (ValueError, OverflowError):
            pass
    raise typer.BadParameter(f"{text!r} is no time, such as 2026-12-24 or 2026-12-24T18:00:00Z")
