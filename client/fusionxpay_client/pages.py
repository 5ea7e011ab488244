"""Lists: all items of all pages, each page asked for when it is needed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from typing import Generic, TypeVar

ItemT = TypeVar("ItemT")


class Pages(Generic[ItemT]):
    """What a list has, page by page behind one iteration. Each iteration asks anew.

    Iterating raises what a call does.
    """

    def __init__(self, fetch: Callable[[str], tuple[Iterable[ItemT], str]], first: str) -> None:
        self._fetch = fetch
        self._first = first

    def __iter__(self) -> Iterator[ItemT]:
        items, following = self._fetch(self._first)
        yield from items
        while following:
            items, following = self._fetch(following)
            yield from items


class AsyncPages(Generic[ItemT]):
    """What a list has, page by page behind one `async for`. Each iteration asks anew.

    Iterating raises what a call does.
    """

    def __init__(self, fetch: Callable[[str], Awaitable[tuple[Iterable[ItemT], str]]], first: str) -> None:
        self._fetch = fetch
        self._first = first

    async def __aiter__(self) -> AsyncIterator[ItemT]:
        items, following = await self._fetch(self._first)
        for item in items:
            yield item
        while following:
            items, following = await self._fetch(following)
            for item in items:
                yield item
