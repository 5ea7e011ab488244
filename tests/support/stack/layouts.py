"""Stacks that are laid out, and not started."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from stack.layout import COMPONENTS, StackLayout, plan_layout
from stack.ports import Ports
from stack.services import OUR_SERVICES
from stack.settings import StackSettings
from stack.state import DataDir


@contextmanager
def laid_out() -> Iterator[StackLayout]:
    """Lay a whole stack out."""
    with DataDir(None) as data, Ports() as ports:
        yield plan_layout(StackSettings(), frozenset(COMPONENTS), data, ports)


def given(site: StackLayout, prefix: str) -> dict[str, dict[str, str]]:
    """Return what each service's environment has of a prefix."""
    found = {}
    for service in OUR_SERVICES:
        env = service.env(site).items()
        found[service.name] = {name: value for name, value in env if name.startswith(prefix)}
    return found
