"""A stack of their own for the tests that break things; they run one after the other, in one worker."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from stack.ports import Ports
from stack.settings import StackSettings
from stack.stack import Ready, Stack
from tests.support.stack.chaos import ChaosStack
from tests.support.stack.options import BREAKABLE


@pytest.fixture(scope="session")
def chaos() -> Iterator[ChaosStack]:
    """The stack that is broken and healed."""
    with ExitStack() as undo:
        chaos = ChaosStack(StackSettings(service_env=BREAKABLE), undo.enter_context(Ports()).take())
        undo.enter_context(chaos.stack)
        yield chaos


@pytest.fixture
def gateway(chaos: ChaosStack) -> Ready:
    """What the common fixtures talk to: here, the stack that is broken, as the test before left it."""
    return chaos.ready


@pytest.fixture
def stack(chaos: ChaosStack) -> Iterator[Stack]:
    """The stack to break; it is whole again after the test."""
    yield chaos.stack
    chaos.heal()
