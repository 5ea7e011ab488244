"""The customers of each provider, as `fusionxpay prove` plays them: one module a provider, found by name."""

from __future__ import annotations

import pkgutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from random import Random
from typing import Any

Form = dict[str, Any]


@dataclass(frozen=True)
class Way:
    """How a payment is asked for, and what its customer does on the page that follows."""

    button: str = ""
    form: Form = field(default_factory=dict)
    """Empty where no page is expected, but a challenge."""
    card: str = ""
    """Given with the request: no page, but for a challenge."""
    manual: bool = False
    first: Form = field(default_factory=dict)
    """What the customer tries before, and is refused."""


@dataclass(frozen=True)
class Customers:
    """What each module here has as `CUSTOMERS`: what its provider's customers do, and which of its calls may fail."""

    page: str
    """What the addresses of the provider's pages have in them, and no other provider's."""
    ordinary: Way
    """What a customer does on a page that another request has led to."""
    ways: tuple[Way, ...]
    calls: tuple[str, ...]
    """The sandbox's names of the operations that faults are aimed at."""
    challenge: str = ""
    """What the address of a page has in it on which a customer says yes or no, and nothing else."""
    at_once: Way | None = None
    """How one pays who is in a hurry: by the request alone."""

    def act(self, url: str, way: Way) -> list[tuple[str, Form]]:
        """Return the buttons that a customer presses on a page of the provider's, each with its form."""
        if self.challenge and self.challenge in url:
            return [(way.button if way.button and not way.form else "approve", {})]
        does = way if way.form else self.ordinary
        return [(does.button, form) for form in (does.first, does.form) if form]


@dataclass(frozen=True)
class Crowd:
    """The customers of all providers, by the providers' names."""

    of: Mapping[str, Customers]

    def choose(self, chance: Random, in_a_hurry: bool) -> tuple[str, Way]:
        """Return a provider, and how it is paid by."""
        if in_a_hurry and (quick := [(name, one.at_once) for name, one in self.of.items() if one.at_once]):
            return chance.choice(quick)
        return chance.choice([(name, way) for name, one in self.of.items() for way in one.ways])

    def act(self, url: str, provider: str, way: Way) -> list[tuple[str, Form]]:
        """Return what is done on a page: it may be another provider's than that of the request."""
        owner = next(name for name, one in self.of.items() if one.page in url)
        return self.of[owner].act(url, way if owner == provider else self.of[owner].ordinary)


def discover() -> Crowd:
    """Return the customers of all modules here."""
    names: Iterable[str] = sorted(one.name for one in pkgutil.iter_modules(__path__))
    return Crowd({name: import_module(f"{__name__}.{name}").CUSTOMERS for name in names})
