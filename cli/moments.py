"""How the commands take moments: UTC, as RFC 3339 writes it, or without the `Z`, or a day."""

from __future__ import annotations

FORMATS = ["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%SZ"]
