"""What the parts of Envoy's configuration are made of: plain values, and messages that name their type."""

from __future__ import annotations

from typing import Any

Config = dict[str, Any]

TYPE = "type.googleapis.com/"
FILTERS = "envoy.extensions.filters.http"


def typed(name: str, /, **values: object) -> Config:
    """Return the configuration of an HTTP filter, of the type that `name` is short for."""
    return {"@type": f"{TYPE}{FILTERS}.{name}", **values}
