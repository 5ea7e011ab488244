"""The package for merchants, as both of its clients: a test is written once and holds for both."""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from fusionxpay_client import AsyncFusionXPay, FusionXPay

NewClient = Callable[..., Any]
_GOOD = "whsec_" + "A" * 32
NO_SECRETS = (
    *("", "whsec_", "whsec_***", 'whsec_""', "whsec_AAAA", "whsec_" + "*" * 40, f" {_GOOD}", f"{_GOOD}\n"),
    *("whpk_" + "A" * 32, "sk_test_1", None),
)
"""What a client must take for no secret of webhooks: anybody could sign by some of them."""


class Blocking:
    """The asyncio client, or a part of it, used from a thread: what it awaits is waited for."""

    def __init__(self, part: Any, loop: asyncio.AbstractEventLoop) -> None:
        self._part, self._loop = part, loop

    def __getattr__(self, name: str) -> Any:
        part = getattr(self._part, name)
        return self._called(part) if callable(part) else Blocking(part, self._loop)

    def _called(self, method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            answer = method(*arguments, **named)
            if isinstance(answer, AsyncIterable):
                return self._items(aiter(answer))
            return self._wait(answer) if inspect.isawaitable(answer) else answer

        return call

    def _items(self, items: AsyncIterator[Any]) -> Iterator[Any]:
        nothing = object()
        while (item := self._wait(anext(items, nothing))) is not nothing:
            yield item

    def _wait(self, awaited: Any) -> Any:
        async def wait() -> Any:
            return await awaited

        return asyncio.run_coroutine_threadsafe(wait(), self._loop).result()


@contextmanager
def clients_of(kind: str) -> Iterator[NewClient]:
    """Make clients of a kind, `sync` or `async`, and close them at the end."""
    with ExitStack() as undo:
        if kind == "async":
            loop = asyncio.new_event_loop()
            thread = threading.Thread(target=loop.run_forever)
            thread.start()
            undo.callback(loop.close)
            undo.callback(thread.join)
            undo.callback(loop.call_soon_threadsafe, loop.stop)

        def make(*arguments: Any, **named: Any) -> Any:
            client: Any
            if kind == "async":
                client = Blocking(AsyncFusionXPay(*arguments, **named), loop)
            else:
                client = FusionXPay(*arguments, **named)
            undo.callback(client.close)
            return client

        yield make
