"""How commands end: in good order at a signal, and saying why where they cannot do what they should."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import typer
from rich.console import Console


class Interrupted(BaseException):
    """A signal asked us to end. Not an Exception, so that nothing on the way takes it for an error."""


@contextmanager
def interruptible() -> Iterator[None]:
    """Turn the first Ctrl-C or SIGTERM into `Interrupted`, and ignore further ones while the stack ends."""
    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        for each in signals:
            signal.signal(each, signal.SIG_IGN)
        raise Interrupted

    before = {each: signal.signal(each, interrupt) for each in signals}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def complain(words: object) -> None:
    """Say on standard error what went wrong."""
    Console(stderr=True).print(f"fusionxpay: {words}", style="red", markup=False, highlight=False, soft_wrap=True)


def failed(words: object, status: int = os.EX_UNAVAILABLE) -> typer.Exit:
    """Say what went wrong, and return the end of the command."""
    complain(words)
    return typer.Exit(status)
