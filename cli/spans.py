"""Lengths of time as people write them: 25h, 1d6h, 90s."""

from __future__ import annotations

import re
from datetime import timedelta

import typer

from mesh import hints

_UNITS = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}
_FORM = re.compile(r"(\d{1,9}d)?(\d{1,9}h)?(\d{1,9}m)?(\d{1,9}s)?")


def span(text: str) -> timedelta:
    """Read a length of time such as 90s, 15m, 25h or 1d6h.

    Raises BadParameter, with what was probably meant by another form.
    """
    if (bare := text.strip()) and (parts := _FORM.fullmatch(bare)):
        return timedelta(seconds=sum(int(part[:-1]) * _UNITS[part[-1]] for part in parts.groups() if part))
    near = re.fullmatch(r"(\d+)s", hints.span(text))
    hint = f"did you mean {shown(int(near[1]))}?" if near and int(near[1]) else "write 90s, 15m, 25h or 1d6h"
    raise typer.BadParameter(f"'{text}' is no length of time; {hint}")


def shown(seconds: int) -> str:
    """Return a length of time in its largest units: 1d1h for 90,000."""
    parts = []
    for unit, size in _UNITS.items():
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"
