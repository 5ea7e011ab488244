"""Whose accounts are is asked about a few at a time, one after the other, and then from the beginning."""

from __future__ import annotations

import uuid
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any, cast

from mesh.errors import unavailable
from payment_svc.use_cases.recovery.identities import BATCH, FIRST, Identities


class World:
    """Accounts of which some say whose they are."""

    def __init__(self, count: int) -> None:
        self.all = [SimpleNamespace(account=SimpleNamespace(account_id=uuid.UUID(int=n))) for n in range(1, count + 1)]
        self.asked: list[tuple[uuid.UUID, int]] = []
        self.learned: list[int] = []

    @asynccontextmanager
    async def session(self) -> Any:
        """Lend nothing."""
        yield self

    async def unknown(self, _session: Any, after: uuid.UUID, limit: int) -> list[Any]:
        """Return those that are not known, from one on."""
        self.asked.append((after, limit))
        return [one for one in self.all if one.account.account_id > after][:limit]

    async def identity_of(self, stored: Any) -> str:
        """Return whose one is, unless it cannot be asked or does not tell."""
        number = stored.account.account_id.int
        if number == 1:
            raise unavailable("PROVIDER_UNAVAILABLE", "away")
        return "" if number == 2 else "acct"

    async def learn(self, _session: Any, account: Any, identity: str) -> None:
        """Keep what was learned."""
        assert identity == "acct"
        self.learned.append(account.account_id.int)


async def test_every_account_is_asked_about() -> None:
    world = World(BATCH + 1)
    me = cast(Any, world)
    identities = Identities(me, me, me)
    assert [await identities.step() for _ in range(3)] == [True, False, True]
    assert world.asked == [(FIRST, BATCH), (uuid.UUID(int=BATCH), BATCH), (FIRST, BATCH)]
    assert sorted(world.learned) == [3, 3, 4, 4, 5]


async def test_nobody_is_asked_where_all_are_known() -> None:
    world = World(0)
    me = cast(Any, world)
    assert await Identities(me, me, me).step() is False
