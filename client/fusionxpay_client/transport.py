"""How calls travel: over one channel, made again while that is safe, in time."""

from __future__ import annotations

import asyncio
import re
import time
import uuid
from collections.abc import AsyncIterator, Iterable, Iterator
from typing import Any, TypeVar

import grpc
from google.api.httpbody_pb2 import HttpBody
from google.protobuf.message import Message

from fusionxpay_client.answers import Model, Told
from fusionxpay_client.calls import AnswerT, Call, Export, Listing, Stream
from fusionxpay_client.connection import Connection
from fusionxpay_client.errors import error_of
from fusionxpay_client.frames import Frames
from fusionxpay_client.models import Event
from fusionxpay_client.pages import AsyncPages, Pages
from fusionxpay_client.retries import Attempts

ModelT = TypeVar("ModelT", bound=Model)
_KEY = re.compile(r"[ -~]{1,255}")


def _as_it_is(request: bytes) -> bytes:
    """Requests are serialized once, before the first attempt: all attempts carry the same bytes."""
    return request


class Transport:
    """Calls from threads. `timeout`, in seconds, is for a call with all its attempts: one, and up to `retries` more."""

    def __init__(self, connection: Connection, timeout: float, retries: int) -> None:
        self._connection, self._timeout, self._retries = connection, timeout, retries
        if connection.secure:
            trust = grpc.ssl_channel_credentials(connection.root_certificates)
            self._channel = grpc.secure_channel(connection.target, trust, connection.options)
        else:
            self._channel = grpc.insecure_channel(connection.target, connection.options)

    def close(self) -> None:
        """Close the channel; calls under way end."""
        self._channel.close()

    def call(
        self, call: Call[Any], request: Message, model: type[ModelT], timeout: float | None, key: str | None = None
    ) -> ModelT:
        """Call an RPC; a write goes under its idempotency key, one of its own when none is given.

        Raises:
            FusionXPayError: it was refused, or there was no answer in time.
        """
        return model(*self._unary(call.path, call.answer, request, _key_of(call, key), timeout))

    def pages(
        self, listing: Listing[Any], request: Message, model: type[ModelT], timeout: float | None
    ) -> Pages[ModelT]:
        """Return all that a list has; `timeout` is for each page."""

        def fetch(token: str) -> tuple[Iterable[ModelT], str]:
            answer, _ = self._unary(listing.path, listing.answer, _page_of(request, token), "", timeout)
            return _items_of(listing, answer, model)

        return Pages(fetch, getattr(request, "page_token", ""))

    def events(self, stream: Stream, request: Any) -> Iterator[Event]:
        """Yield events as they come, and go on after the last one whenever the stream ends or breaks, without an end.

        Raises:
            FusionXPayError: it was refused, or could not be opened a first time.
        """
        frames, attempts = Frames(request), Attempts(None, self._retries)
        call = self._channel.unary_stream(stream.path, _as_it_is, HttpBody.FromString)
        while True:
            encoded = frames.request()
            answer = call(encoded, metadata=self._connection.metadata(stream.path, encoded, ""))
            try:
                for body in answer:
                    attempts = Attempts.of_what_was_open()
                    yield from frames.events_in(body.data)
                pause = frames.retry
            except grpc.RpcError as failure:
                pause = attempts.pause_after(error_of(failure))
            finally:
                # whoever iterates may have stopped
                answer.cancel()
            time.sleep(pause)

    def content(self, export: Export, request: Message) -> Iterator[bytes]:
        """Yield a file's bytes as they come; it is asked for again only while nothing has come of it.

        Raises:
            FusionXPayError: it was refused, or broke off.
        """
        attempts, encoded = Attempts(None, self._retries), request.SerializeToString()
        call = self._channel.unary_stream(export.path, _as_it_is, HttpBody.FromString)
        while True:
            answer, begun = call(encoded, metadata=self._connection.metadata(export.path, encoded, "")), False
            try:
                for body in answer:
                    begun = True
                    yield body.data
                return
            except grpc.RpcError as failure:
                if begun:
                    raise error_of(failure) from None
                pause = attempts.pause_after(error_of(failure))
            finally:
                # whoever iterates may have stopped
                answer.cancel()
            time.sleep(pause)

    def _unary(
        self, path: str, answer: type[AnswerT], request: Message, key: str, timeout: float | None
    ) -> tuple[AnswerT, Told]:
        attempts = Attempts(self._timeout if timeout is None else timeout, self._retries)
        encoded = request.SerializeToString()
        call = self._channel.unary_unary(path, _as_it_is, answer.FromString)
        while True:
            metadata = self._connection.metadata(path, encoded, key)
            try:
                found, ended = call.with_call(encoded, timeout=attempts.remaining, metadata=metadata)
                return found, Told.by(ended.initial_metadata(), ended.trailing_metadata())
            except grpc.RpcError as failure:
                pause = attempts.pause_after(error_of(failure, key))
            time.sleep(pause)


class AsyncTransport:
    """Calls from coroutines. `timeout`, in seconds, is for a call with all its attempts: one, and up to `retries` more.

    It belongs to the event loop of its first call.
    """

    def __init__(self, connection: Connection, timeout: float, retries: int) -> None:
        self._connection, self._timeout, self._retries = connection, timeout, retries
        self._opened: grpc.aio.Channel | None = None

    @property
    def _channel(self) -> grpc.aio.Channel:
        """The channel, opened when it is first needed: before that there may be no event loop."""
        if self._opened is None:
            connection = self._connection
            if connection.secure:
                trust = grpc.ssl_channel_credentials(connection.root_certificates)
                self._opened = grpc.aio.secure_channel(connection.target, trust, connection.options)
            else:
                self._opened = grpc.aio.insecure_channel(connection.target, connection.options)
        return self._opened

    async def close(self) -> None:
        """Close the channel; calls under way end."""
        if self._opened is not None:
            await self._opened.close()

    async def call(
        self, call: Call[Any], request: Message, model: type[ModelT], timeout: float | None, key: str | None = None
    ) -> ModelT:
        """Call an RPC; a write goes under its idempotency key, one of its own when none is given.

        Raises:
            FusionXPayError: it was refused, or there was no answer in time.
        """
        return model(*await self._unary(call.path, call.answer, request, _key_of(call, key), timeout))

    def pages(
        self, listing: Listing[Any], request: Message, model: type[ModelT], timeout: float | None
    ) -> AsyncPages[ModelT]:
        """Return all that a list has; `timeout` is for each page."""

        async def fetch(token: str) -> tuple[Iterable[ModelT], str]:
            answer, _ = await self._unary(listing.path, listing.answer, _page_of(request, token), "", timeout)
            return _items_of(listing, answer, model)

        return AsyncPages(fetch, getattr(request, "page_token", ""))

    async def events(self, stream: Stream, request: Any) -> AsyncIterator[Event]:
        """Yield events as they come, and go on after the last one whenever the stream ends or breaks, without an end.

        Raises:
            FusionXPayError: it was refused, or could not be opened a first time.
        """
        frames, attempts = Frames(request), Attempts(None, self._retries)
        call = self._channel.unary_stream(stream.path, _as_it_is, HttpBody.FromString)
        while True:
            encoded = frames.request()
            answer = call(encoded, metadata=self._connection.metadata(stream.path, encoded, ""))
            try:
                async for body in answer:
                    attempts = Attempts.of_what_was_open()
                    for event in frames.events_in(body.data):
                        yield event
                pause = frames.retry
            except grpc.RpcError as failure:
                pause = attempts.pause_after(error_of(failure))
            finally:
                # whoever iterates may have stopped
                answer.cancel()
            await asyncio.sleep(pause)

    async def content(self, export: Export, request: Message) -> AsyncIterator[bytes]:
        """Yield a file's bytes as they come; it is asked for again only while nothing has come of it.

        Raises:
            FusionXPayError: it was refused, or broke off.
        """
        attempts, encoded = Attempts(None, self._retries), request.SerializeToString()
        call = self._channel.unary_stream(export.path, _as_it_is, HttpBody.FromString)
        while True:
            answer, begun = call(encoded, metadata=self._connection.metadata(export.path, encoded, "")), False
            try:
                async for body in answer:
                    begun = True
                    yield body.data
                return
            except grpc.RpcError as failure:
                if begun:
                    raise error_of(failure) from None
                pause = attempts.pause_after(error_of(failure))
            finally:
                # whoever iterates may have stopped
                answer.cancel()
            await asyncio.sleep(pause)

    async def _unary(
        self, path: str, answer: type[AnswerT], request: Message, key: str, timeout: float | None
    ) -> tuple[AnswerT, Told]:
        attempts = Attempts(self._timeout if timeout is None else timeout, self._retries)
        encoded = request.SerializeToString()
        call = self._channel.unary_unary(path, _as_it_is, answer.FromString)
        while True:
            metadata = self._connection.metadata(path, encoded, key)
            try:
                going = call(encoded, timeout=attempts.remaining, metadata=metadata)
                found = await going
                return found, Told.by(await going.initial_metadata(), await going.trailing_metadata())
            except grpc.RpcError as failure:
                pause = attempts.pause_after(error_of(failure, key))
            await asyncio.sleep(pause)


def _key_of(call: Call[Any], key: str | None) -> str:
    """Return the idempotency key of a call: a write without one could not be made again.

    Raises ValueError for one that the gateway does not take; an empty one is a slip, and no wish for a new one.
    """
    if key is not None and not (isinstance(key, str) and _KEY.fullmatch(key)):
        raise ValueError("idempotency_key: 1 to 255 printable characters of ASCII; leave it out for a new one")
    return (key or str(uuid.uuid4())) if call.writes else ""


def _page_of(request: Message, token: str) -> Message:
    """Return the request for a page of a list; the caller's own request stays as it is."""
    page = type(request)()
    page.CopyFrom(request)
    if token:
        page.page_token = token  # type: ignore[attr-defined]  # only lists with pages have tokens
    return page


def _items_of(listing: Listing[Any], answer: Any, model: type[ModelT]) -> tuple[Iterable[ModelT], str]:
    return map(model, getattr(answer, listing.field)), getattr(answer, "next_page_token", "")
