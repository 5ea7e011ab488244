"""Learns whose the accounts are that a version set which did not ask, as long as their credentials still tell."""

from __future__ import annotations

import asyncio
from uuid import UUID

from mesh.errors import ApiError
from mesh.storage.database import Database
from mesh.telemetry import get_logger
from mesh.worker import Worker
from payment_svc.storage.accounts import AccountRepository, StoredAccount
from payment_svc.use_cases.accounts import Accounts

log = get_logger(__name__)
BATCH = 4
"""How many are asked about at a time."""
INTERVAL_SECONDS = 24 * 3600.0
"""All are asked about at the start, and those that did not tell once a day: each is a call that may fail for ever."""
FIRST = UUID(int=0)


class Identities:
    """Asks about each account whose identity is not known."""

    def __init__(self, database: Database, store: AccountRepository, accounts: Accounts) -> None:
        self._database = database
        self._store = store
        self._accounts = accounts
        self._after = FIRST
        self.worker = Worker("account-identities", self.step, interval=INTERVAL_SECONDS)

    async def step(self) -> bool:
        """Ask about the next few; return whether there may be more."""
        async with self._database.session() as session:
            found = await self._store.unknown(session, self._after, BATCH)
        await asyncio.gather(*(self._learn(one) for one in found))
        has_more = len(found) == BATCH
        self._after = found[-1].account.account_id if has_more else FIRST
        return has_more

    async def _learn(self, stored: StoredAccount) -> None:
        account = stored.account
        try:
            identity = await self._accounts.identity_of(stored)
        except ApiError as error:
            log.info("whose an account is was not told", account_id=account.account_id, error=error.message)
            return
        if identity:
            async with self._database.session() as session:
                await self._store.learn(session, account, identity)
