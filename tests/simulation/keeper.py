"""Shops with accounts of their own at a provider, who change them while payments are open."""

from __future__ import annotations

import asyncio
from uuid import UUID

from fusionx.payment.v1 import provider_account_service_pb2 as account_pb2

from mesh.errors import ApiError
from tests.simulation.shops import Shop
from tests.simulation.world import World

NAMES = ("a", "b")


class AccountKeeper:
    """Keeps a shop's accounts at one provider: new keys, another account, and back, or the platform's again."""

    def __init__(self, world: World, shop: Shop) -> None:
        self._world = world
        self._shop = shop
        self._key = ""
        self._made = 0

    async def live(self) -> None:
        """Change something now and then."""
        rng = self._world.rng
        while not self._world.is_healed:
            if self._world.may("changes_account"):
                await self.change(rng.choice(("key", "key", "account", "account", "account", "none")))
            await asyncio.sleep(rng.uniform(1, 60))

    async def change(self, what: str) -> None:
        """Set other credentials, or take the account out of use."""
        before, rng = self._key, self._world.rng
        name = before.partition("-")[0]
        if what == "none":
            await self._delete()
            return
        if what == "account" or not name:
            name = next(one for one in NAMES if one != name) if name else rng.choice(NAMES)
        self._made += 1
        if await self.set(f"{name}-{self._made}") and before.partition("-")[0] == name and rng.random() < 0.7:
            # nobody uses the former key of an account that has a new one
            self._world.account("stripe", self._of_shop(before)).revoked.add(self._of_shop(before))

    async def set(self, key: str, *, is_same: bool = False) -> str:
        """Set the credentials of the account at the first provider; return its id, or nothing when that is refused."""
        key_of_shop = self._of_shop(key)
        request = account_pb2.SetProviderAccountRequest(
            provider="stripe", credentials={"api_key": key_of_shop}, same_account=is_same
        )
        try:
            saved = await self._shop._sure("SetProviderAccount", request, "accounts", "payments")
        except ApiError as error:
            self._shop._tell(f"account not set: {error.reason}")
            return ""
        self._key = key
        self._world.account("stripe", key_of_shop).hook = UUID(saved.provider_account_id)
        self._shop._tell(f"account {saved.provider_account_id} has the key {key_of_shop}")
        return str(saved.provider_account_id)

    async def _delete(self) -> None:
        request = account_pb2.DeleteProviderAccountRequest(provider="stripe")
        try:
            await self._shop._sure("DeleteProviderAccount", request, "accounts", "payments")
        except ApiError as error:
            self._shop._tell(f"account not deleted: {error.reason}")
            return
        self._key = ""

    def _of_shop(self, key: str) -> str:
        return f"{key.partition('-')[0]}{self._shop.number}-{key.partition('-')[2]}"
