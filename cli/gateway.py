"""Envoy's configuration for one stack."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from cli.process import StackError
from cli.site import Site

EnvoyConfig = Callable[[Site], Path]


def render_envoy(site: Site) -> Path:
    """Write the configuration for the site's ports and return the file.

    Raises:
        StackError: there is no renderer.
    """
    raise StackError("Envoy has no configuration renderer yet")
