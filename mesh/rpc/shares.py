"""What one merchant may have under way at once in a process that is busy, so that its neighbours have their part.

A process has one event loop and a dozen connections to its database. `OVERLOADED` keeps it from sinking, and asks
nobody whose the calls are that it is full of.
"""

from __future__ import annotations

from collections.abc import Mapping

import grpc
from google.protobuf.descriptor import MethodDescriptor

from mesh.errors import ApiError, unavailable
from mesh.metrics import SHARE_USED_UP

PART = 10
"""A merchant is sure of one in so many of the calls that a process takes at once; it has no more once that is full."""
ROOM = 3
"""Of places for what goes on without its caller, the last one in so many is for who has less than one in `PART`."""
FULL = 2
"""A process counts as full when one in so many of its places is taken: the others are for whoever has less."""
LISTS_AT_ONCE = 8
"""How many calls of a list a merchant has under way at a process, unless the contract says otherwise."""
COME_BACK_SECONDS = 1
"""When who was refused comes again: by then, calls that are as fast as most have ended many times."""


Taken = tuple[tuple[str, bool, str], ...]
"""What a call is counted under: its merchant, whether it is the merchant's own, and its RPC, or none for all."""


class Shares:
    """How many calls of each merchant are under way: of all kinds, and of those that have a bound of their own.

    In test and in live mode a merchant is two: a test that floods takes nothing from its own customers. What the mesh
    calls for a merchant is counted beside what the merchant calls itself, which so keeps no payment from its order.
    """

    def __init__(self, max_concurrent: int, bounds: Mapping[str, int]) -> None:
        """Take how many calls there may be of all merchants, and of one merchant's of each RPC that has a bound."""
        self._most = max(1, max_concurrent // PART)
        self._full = max_concurrent // FULL
        self._bounds = bounds
        self._running: dict[tuple[str, bool, str], int] = {}
        self._total = 0

    def take(self, merchant_id: str, method: str, *, is_own: bool) -> Taken:
        """Count a call, its merchant's own or one of the mesh's for it, until what is returned is given back.

        Raises ApiError where the merchant has its share: RESOURCE_EXHAUSTED, reason TOO_MANY_CALLS, for its own call;
        UNAVAILABLE for one of the mesh's, which is made again as one is that reached nobody.
        """
        if not merchant_id:
            return ()
        running, of_all = self._running, (merchant_id, is_own, "")
        count = running.get(of_all, 0)
        # a merchant who is alone may wait for a slow provider with as many payments as there is room for
        if count >= self._most and self._total >= self._full:
            raise _refused(self._most, is_own=is_own)
        bound, of_method = self._bounds.get(method), (merchant_id, is_own, method)
        if bound and running.get(of_method, 0) >= bound:
            raise _refused(bound, is_own=is_own)
        running[of_all] = count + 1
        self._total += 1
        if not bound:
            return (of_all,)
        running[of_method] = running.get(of_method, 0) + 1
        return (of_all, of_method)

    def give_back(self, taken: Taken) -> None:
        """Count a call no more."""
        self._total -= bool(taken)
        for each in taken:
            left = self._running[each] - 1
            if left:
                self._running[each] = left
            else:
                del self._running[each]


def is_list(method: MethodDescriptor) -> bool:
    """Whether an RPC answers with a page of many things, and so may cost what ten other calls do."""
    return method.name.startswith("List") or "page_size" in method.input_type.fields_by_name


def _refused(most: int, *, is_own: bool) -> ApiError:
    SHARE_USED_UP.inc()
    if is_own:
        return too_many_calls(f"{most} calls like this one are under way for the merchant: try again in a moment")
    return unavailable("OVERLOADED", "too many requests of one merchant are in flight, try again")


def too_many_calls(words: str, seconds: int = COME_BACK_SECONDS) -> ApiError:
    """Return the refusal of what a merchant has too much of, which may be tried again in a moment."""
    return ApiError(grpc.StatusCode.RESOURCE_EXHAUSTED, "TOO_MANY_CALLS", words, retry_after=seconds)
