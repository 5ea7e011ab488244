"""Which schema a service was written for. Apart from `migrate`, so that services need not load alembic to know it."""

from __future__ import annotations

from pathlib import Path


def head_revision(migrations: Path) -> str:
    """Return the newest revision that this version of the service brings: files are named `0001_what.py`."""
    return max(path.name.split("_")[0] for path in (migrations / "versions").glob("[0-9]*_*.py"))
