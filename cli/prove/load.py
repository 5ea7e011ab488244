"""Merchants at work, in a thread of their own, while somebody else breaks things."""

from __future__ import annotations

import asyncio
import threading
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass
from random import Random
from types import TracebackType

from cli.prove.api import MerchantApi
from cli.prove.customers import discover
from cli.prove.log import Log
from cli.prove.provider import ProviderDesk
from cli.prove.shop import Shop, live_safely
from cli.receiver import Receiver
from mesh.rpc.dial import tls_of
from stack.demo_merchant import create_demo_merchant
from stack.stack import Ready

MERCHANTS = 3
SHOPS = 16
"""Orders under way at once."""
LAST_SECONDS = 60.0
"""How long what has begun may go on once nothing new begins."""


@dataclass(frozen=True)
class Member:
    """A merchant with the server that its webhooks go to."""

    merchant_id: str
    api_key: str
    receiver: Receiver


class Load:
    """Orders and payments until it is told to stop; a context manager, which ends the receivers."""

    def __init__(self, ready: Ready, seed: int, shops: int = SHOPS) -> None:
        self.ready = ready
        self.log = Log()
        self.members: list[Member] = []
        self.crowd = discover()
        self._seed = seed
        self._shops = shops
        self._last = LAST_SECONDS
        self._over = threading.Event()
        self._undo = ExitStack()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)
        self._failure: BaseException | None = None

    def __enter__(self) -> Load:
        tls = tls_of(self.ready.operator_tls)
        for _ in range(MERCHANTS):
            made = create_demo_merchant(self.ready.services["edge"], tls)
            self.members.append(Member(made.id, made.api_key, self._undo.enter_context(Receiver())))
        asyncio.run(self._register())
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._over.set()
        self._undo.close()

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self, seconds: float = LAST_SECONDS) -> None:
        """Begin nothing new, and wait until what has begun has ended, or its time is over. Raises what went wrong."""
        self._last = min(seconds, LAST_SECONDS)
        self._over.set()
        self._thread.join()
        if self._failure is not None:
            raise self._failure

    def api(self, merchant: int) -> MerchantApi:
        """Open a merchant's client."""
        return MerchantApi(self.ready.edge_url, self.members[merchant].api_key, self.log)

    async def _register(self) -> None:
        for number, member in enumerate(self.members):
            async with self.api(number) as api:
                endpoint = await api.post("/v1/webhook_endpoints", {"url": member.receiver.url})
                member.receiver.secret = endpoint["secret"]

    async def _run(self) -> None:
        try:
            async with AsyncExitStack() as undo:
                apis = [await undo.enter_async_context(self.api(n)) for n in range(MERCHANTS)]
                desk = await undo.enter_async_context(ProviderDesk(self.ready.sandbox_url))
                workers = [asyncio.create_task(self._work(apis, desk)) for _ in range(self._shops)]
                await asyncio.to_thread(self._over.wait)
                _, late = await asyncio.wait(workers, timeout=self._last)
                for worker in late:
                    worker.cancel()
                for ended in await asyncio.gather(*workers, return_exceptions=True):
                    if isinstance(ended, Exception):
                        raise ended
        except Exception as error:
            self._failure = error

    async def _work(self, apis: list[MerchantApi], desk: ProviderDesk) -> None:
        while not self._over.is_set():
            number = len(self.log.sales)
            chance = Random(f"{self._seed}-{number}")  # noqa: S311  chance, not secrecy
            sale = self.log.open_sale(chance.randrange(MERCHANTS), chance.randrange(200, 9999))
            await live_safely(Shop(sale, apis[sale.merchant], desk, self.crowd, chance, self.log))
