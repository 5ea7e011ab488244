"""A stack of their own for the tests that break things; they run one after the other, in one worker."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from stack.ports import Ports
from stack.settings import StackSettings
from stack.stack import Ready, Stack
from tests.support.merchant.api import Identities
from tests.support.providers.sandbox import Provider
from tests.support.stack.chaos import ChaosStack
from tests.support.stack.options import BREAKABLE

FOLDER = Path(__file__).parent
HERE = f"{FOLDER}{os.sep}"


class Running:
    """The stack of this worker while its tests follow one another: an idle stack is not free."""

    def __init__(self) -> None:
        self._undo = ExitStack()
        self._chaos: ChaosStack | None = None

    def stack(self) -> ChaosStack:
        """Return the stack, started if there is none."""
        if self._chaos is None:
            with ExitStack() as undo:
                port = undo.enter_context(Ports()).take()
                chaos = ChaosStack(StackSettings(service_env=BREAKABLE), port)
                undo.enter_context(chaos.stack)
                self._undo = undo.pop_all()
            self._chaos = chaos
        return self._chaos

    def end(self) -> None:
        """End the stack, if there is one."""
        self._chaos = None
        self._undo.close()


RUNNING = pytest.StashKey[Running]()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Refuse a test that belongs to no group: a worker of its own would start a stack for it alone."""
    for item in items:
        # looking at the parents of ten thousand paths takes a quarter of a second
        if str(item.path).startswith(HERE) and not item.get_closest_marker("xdist_group"):
            raise pytest.UsageError(f"{item.nodeid} has no xdist_group")


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """End the stack with the last of the tests that follow one another here."""
    if nextitem is None or FOLDER not in nextitem.path.parents:
        item.session.stash.setdefault(RUNNING, Running()).end()


@pytest.fixture
def chaos(request: pytest.FixtureRequest) -> ChaosStack:
    """The stack that is broken and healed."""
    return request.session.stash.setdefault(RUNNING, Running()).stack()


@pytest.fixture
def gateway(chaos: ChaosStack) -> Ready:
    """What the common fixtures talk to: here, the stack that is broken, as the test before left it."""
    return chaos.ready


@pytest.fixture
def identities(gateway: Ready) -> Iterator[Identities]:
    """The internal service that makes merchants, for one test: what was killed leaves a client that waits."""
    identities = Identities(gateway)
    yield identities
    identities.close()


@pytest.fixture
def provider(gateway: Ready) -> Iterator[Provider]:
    """The provider of the stack, likewise."""
    provider = Provider.of(gateway)
    yield provider
    provider.close()


@pytest.fixture
def stack(chaos: ChaosStack) -> Iterator[Stack]:
    """The stack to break; it is whole again after the test."""
    yield chaos.stack
    chaos.heal()
