"""How many calls may be under way at one provider, and what part of them one merchant may have."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from mesh.rpc.shares import PART, ROOM
from payment_svc.providers.base import UnavailableError


class Bulkhead:
    """The places for calls at one provider, so that a slow one takes no capacity of the others."""

    def __init__(self, provider: str, places: int) -> None:
        self._provider = provider
        self.places = places
        self.taken = 0
        self._taken_by: Counter[str] = Counter()

    @contextmanager
    def place(self, merchant_id: str) -> Iterator[None]:
        """Hold a place for the block, and count it for a merchant, or for nobody where the id is empty.

        The call counts for as long as it goes on, though who asked for it may be gone. Raises UnavailableError where
        there is no place: nothing was sent.
        """
        if self.taken >= self.places:
            raise UnavailableError(f"{self.places} calls to {self._provider} are under way")
        own = self._taken_by[merchant_id] if merchant_id else 0
        if own >= self.places / PART and self.taken >= self.places - self.places // ROOM:
            raise UnavailableError(f"{own} calls to {self._provider} are under way for the merchant")
        self.taken += 1
        self._taken_by[merchant_id] += 1
        try:
            yield
        finally:
            self.taken -= 1
            self._taken_by[merchant_id] -= 1
            if not self._taken_by[merchant_id]:
                del self._taken_by[merchant_id]
