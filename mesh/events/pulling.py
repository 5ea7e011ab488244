"""Taking messages from a durable consumer by a request that stands, and writing to NATS in few pieces.

nats-py's own `fetch` asks twice for each batch, and makes two tasks of each message. Here one request stands until it
has brought as many messages as it is for: they come when there are any, and while earlier ones are being worked on.
Source: NATS documentation, "JetStream wire API", `$JS.API.CONSUMER.MSG.NEXT`.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import cast

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import Error as NatsError
from nats.js.api import Header, StatusCode
from nats.js.errors import APIError, ServiceUnavailableError

_ENDED = (StatusCode.NO_MESSAGES, StatusCode.REQUEST_TIMEOUT)
"""Of a request that has found nothing, or not all that it asked for, in its time."""
_PIECE = 16 * 1024
"""What one record of TLS holds."""
_END_SECONDS = 2.0
"""How long it is waited for what is on its way when nothing more is to be taken."""


class Connection(Client):
    """A client that writes what is said in one turn of the loop as one piece: each is a record, and a write there."""

    async def _send_command(self, cmd: bytes, priority: bool = False) -> None:
        last = self._pending[-1] if self._pending else b""
        if isinstance(last, bytearray) and len(last) < _PIECE and not priority:
            last += cmd
            self._pending_data_size += len(cmd)
        else:
            # which waits when too much is pending
            await super()._send_command(cast(bytes, bytearray(cmd)), priority)


class Pull:
    """What takes messages of a durable consumer. Made by `begin`."""

    def __init__(self, client: Client, stream: str, durable: str) -> None:
        self._client = client
        self._next = f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{durable}"
        self._inbox = client.new_inbox()
        self._subscription: Subscription | None = None
        self._number = 0
        """Of the request that stands: each has a name of its own, by which its end is known."""
        self._due, self._until = 0, 0.0
        """How many messages it may still bring, and until when."""
        self._came: list[Msg] = []
        self._failed: Exception | None = None
        self._news = asyncio.Event()

    @classmethod
    async def begin(cls, client: Client, stream: str, durable: str) -> Pull:
        """Listen for what will be asked for."""
        made = cls(client, stream, durable)
        made._subscription = await client.subscribe(f"{made._inbox}.*", cb=made._hear)
        return made

    async def fetch(self, batch: int, timeout: float) -> list[Msg]:  # noqa: ASYNC109 - as nats-py has it
        """Return what has come, or wait for the first; nothing comes of a request that has ended.

        A request is for a batch, and stands for the time. Raises TimeoutError when nothing comes in it, and an error of
        NATS when there is no such consumer any more.
        """
        if not self._came and not self._failed:
            self._news.clear()
            await self._ask(batch, timeout)
            async with asyncio.timeout(max(0.0, self._until - time.monotonic())):
                await self._news.wait()
        if self._failed and not self._came:
            raise self._failed
        came, self._came = self._came, []
        return came

    def ask_again(self) -> None:
        """Take the request that stands for lost: the connection it was made by is another one now."""
        self._due = 0
        self._news.set()

    async def unsubscribe(self, delay: float | None = None) -> None:
        """Take nothing more, and give back what has come and was not taken; it comes again after `delay` seconds.

        What was on its way is given back as well: the stream would miss it only when the time for an acknowledgement is
        over, and later events of its resource would be applied before it.
        """
        ended, self._subscription = self._subscription, None
        if ended:
            try:
                with suppress(TimeoutError, NatsError, OSError):
                    async with asyncio.timeout(_END_SECONDS if self._client.is_connected else 0):
                        await ended.drain()  # type: ignore[no-untyped-call]
            finally:
                # whatever became of that, it is not to be subscribed to again by a connection that comes back
                ended._stop_processing()
                self._client._remove_sub(ended._id)
        came, self._came = self._came, []
        for message in came:
            await message.nak(delay=delay)

    async def _ask(self, batch: int, seconds: float) -> None:
        """Ask for messages, unless a request stands."""
        now = time.monotonic()
        if self._due > 0 and now < self._until:
            return
        self._number += 1
        self._due, self._until = batch, now + seconds
        request = json.dumps({"batch": batch, "expires": int(seconds * 1e9)}).encode()
        try:
            await self._client.publish(self._next, request, self._name())
        except BaseException:
            # whoever was given up while it asked may not have asked
            self._due = 0
            raise

    def _name(self) -> str:
        return f"{self._inbox}.{self._number}"

    async def _hear(self, message: Msg) -> None:
        status = (message.headers or {}).get(Header.STATUS)
        if status is None:
            self._came.append(message)
            self._due -= 1
        elif message.subject != self._name():
            # the end of a request that another one has taken the place of
            return
        elif status in _ENDED:
            self._due = 0
        else:
            self._failed = _failure(status, message.headers or {})
        self._news.set()


def _failure(status: str, headers: Mapping[str, str]) -> APIError:
    """Return the error that a request ended with. Not nats-py's own: that takes a description for granted."""
    if status == StatusCode.SERVICE_UNAVAILABLE:
        return ServiceUnavailableError()
    return APIError(code=int(status), description=headers.get(Header.DESCRIPTION, ""))
