"""Which keys are valid, answered from memory, and never from a memory that is older than its bound.

Two things make that so without a lookup per request, however many keys there are. What is known of a key stays known
until the key changes; and every change has a number and is notified, for which the watcher asks several times within
the bound: one round trip, whatever the number of keys, and a small query where there was a change.
When the watcher cannot ask, nothing in memory counts.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Protocol, TypeVar

from edge.domain import Identity
from mesh.ids import Clock, utc_now
from mesh.worker import Worker

POLLS_WITHIN_BOUND = 3
QUIET_SECONDS = 10.0
"""After which without a question the watcher looks only as often."""
KeptT = TypeVar("KeptT")


class KeySource(Protocol):
    """Where the truth about keys is. All raise ApiError UNAVAILABLE when it is out of reach."""

    async def identify(self, digest: bytes) -> Identity | None:
        """Return whom the key with this digest speaks for, unless it was revoked or its merchant disabled."""
        ...

    async def newest(self) -> int:
        """Return the number of the newest change."""
        ...

    async def changes(self, seen: int) -> list[tuple[int, bytes]]:
        """Return number and digest of every change after `seen`, in their order."""
        ...


class KeyCache:
    """Keys that were asked for, valid and not: the latter apart, so that guessing pushes no valid key out."""

    def __init__(
        self,
        source: KeySource,
        bound: float,
        size: int,
        *,
        now: Callable[[], float] = time.monotonic,
        clock: Clock = utc_now,
    ) -> None:
        self._source = source
        self._bound = bound
        self._size = size
        self._now = now
        self._clock = clock
        self._valid: OrderedDict[bytes, Identity] = OrderedDict()
        self._invalid: OrderedDict[bytes, None] = OrderedDict()
        self._seen: int | None = None
        self._forgotten = 0
        self._watched = self._asked = float("-inf")
        self.watcher = Worker("key-watcher", self.watch, interval=self.until_next_look)

    async def identify(self, digest: bytes) -> Identity | None:
        """Return whom a key speaks for; None when it is unknown, revoked, expired, or its merchant disabled.

        Raises ApiError UNAVAILABLE when the cache does not know and the database is out of reach.
        """
        self._asked = self._now()
        fresh = self._asked - self._watched < self._bound
        if not fresh:
            # it may have been looking now and then only
            self.watcher.wake()
        if fresh and digest in self._invalid:
            return None
        identity = self._valid.get(digest) if fresh else None
        if identity is None:
            identity = await self._look_up(digest)
        if identity is None or (identity.expire_time and identity.expire_time <= self._clock()):
            return None
        return identity

    def until_next_look(self) -> float:
        """Return how long the watcher may pause: while nobody asks nothing has to be known, and who asks next looks."""
        is_asked = self._now() - self._asked < QUIET_SECONDS
        return self._bound / POLLS_WITHIN_BOUND if is_asked else QUIET_SECONDS

    def forget(self) -> None:
        """Forget all keys, and up to which change they were right: another database has other changes."""
        self._valid.clear()
        self._invalid.clear()
        self._seen = None
        # a look at the database before may be under way
        self._forgotten += 1

    async def watch(self) -> bool:
        """Forget the keys that have changed since the last look. A step of the watcher."""
        started, forgotten = self._now(), self._forgotten
        seen = await self._source.newest() if self._seen is None else self._seen
        changes = await self._source.changes(seen)
        if forgotten != self._forgotten:
            return False
        self._seen = seen
        for seq, digest in changes:
            self._seen = seq
            self._valid.pop(digest, None)
            self._invalid.pop(digest, None)
        self._watched = started
        return False

    async def _look_up(self, digest: bytes) -> Identity | None:
        seen = self._seen
        identity = await self._source.identify(digest)
        # a change that was seen during the look-up may have been this key's: then the answer is good once only
        if seen is not None and seen == self._seen:
            if identity is None:
                _keep(self._invalid, digest, None, self._size)
            else:
                _keep(self._valid, digest, identity, self._size)
        return identity


def _keep(entries: OrderedDict[bytes, KeptT], digest: bytes, what: KeptT, size: int) -> None:
    entries[digest] = what
    if len(entries) > size:
        entries.popitem(last=False)
