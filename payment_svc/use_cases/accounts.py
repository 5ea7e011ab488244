"""Whose account a payment goes through: the merchant's own at the provider, else the platform's.

A payment remembers its account, so that it is captured, refunded and looked up where it was made. A test key's payment
never reaches a live account: the platform's accounts are of one mode, and a merchant's own belong to the mode of the
key that set them, because each mode is a tenant of its own.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from mesh.errors import ApiError, failed_precondition, not_found, unauthenticated, unavailable
from mesh.ids import Clock, NewId, new_id, utc_now
from mesh.storage.batcher import Batcher
from mesh.storage.database import Database
from mesh.telemetry import get_logger
from mesh.vault import Envelopes, SealError
from payment_svc.domain.account import Account, Tenant
from payment_svc.domain.payment import Payment
from payment_svc.providers.registry import Registry, unknown
from payment_svc.providers.resilience import ResilientProvider
from payment_svc.storage.accounts import AccountRepository, StoredAccount
from payment_svc.use_cases.account_setting import AccountSetting

log = get_logger(__name__)
MAX_AGE_SECONDS = 1.0
"""How long what is known of a merchant's accounts is believed: the bound on using credentials that were replaced."""
MAX_KNOWN = 10_000
ABSENT_SECONDS = 5.0
"""How long an account that was not there is not looked for again: its id is given out only when it is made."""
RETIRE_SECONDS = 200.0
"""Longer than any call takes: after it nobody uses the connections of replaced credentials any more."""


class Accounts:
    """Finds the provider, behind its guard, that a payment goes through."""

    def __init__(
        self,
        database: Database,
        store: AccountRepository,
        vault: Envelopes | None,
        registry: Registry,
        *,
        clock: Clock = utc_now,
        ids: NewId = new_id,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._store = store
        self._vault = vault
        self._registry = registry
        self._clock = clock
        self._now = now
        self._setting = AccountSetting(database, store, vault, registry, clock, ids) if vault else None
        self._known: dict[UUID, tuple[float, list[StoredAccount]]] = {}
        self._absent: dict[UUID, float] = {}
        self._guards: dict[UUID, tuple[int, ResilientProvider]] = {}
        self._retiring: set[asyncio.Task[None]] = set()
        self._looks: Batcher[UUID, StoredAccount | None] = Batcher(self._look)
        database.when_another(self._forget)

    async def available(self, owner: Tenant) -> list[ResilientProvider]:
        """Return the providers that a merchant's new payments may go through, in the gateway's order."""
        own = {guard.name: guard for guard in await self._own(owner)}
        if owner.mode in ("", self._registry.mode):
            own = {guard.name: guard for guard in self._registry.all()} | own
        return self._registry.in_order(own)

    async def following(self, payment: Payment) -> ResilientProvider | None:
        """Return the next provider of a payment's route that it has not been tried at; None where none is left."""
        tried = {attempt.provider for attempt in payment.attempts}
        left = [name for name in (payment.route.alternatives if payment.route else ()) if name not in tried]
        if not left:
            return None
        open_to = {one.name: one for one in await self.available(Tenant(payment.merchant_id, payment.mode))}
        return next((open_to[name] for name in left if name in open_to), None)

    async def since(self, owner: Tenant, begun: datetime) -> list[ResilientProvider]:
        """Return all that a payment may have been made with which was begun then: in use now, or until later."""
        async with self._database.session() as session:
            before = await self._store.retired_since(session, owner.merchant_id, begun)
        platforms = self._registry.all() if owner.mode in ("", self._registry.mode) else []
        return [*platforms, *await self._own(owner), *map(self._guard, before)]

    async def get(self, owner: Tenant, name: str) -> ResilientProvider:
        """Return the provider for a merchant's new payment. Raises ApiError INVALID_ARGUMENT, PROVIDER_UNKNOWN."""
        available = await self.available(owner)
        for guard in available:
            if guard.name == name:
                return guard
        raise unknown(name, [guard.name for guard in available], owner.mode)

    async def of(self, payment: Payment) -> ResilientProvider:
        """Return the provider that a payment was made with, in use for new ones or not."""
        return await self.by_id(payment.provider, payment.account_id)

    async def by_id(self, name: str, account_id: UUID | None) -> ResilientProvider:
        """Return the platform's provider, or that of a merchant's own account. Raises ApiError."""
        if account_id is None:
            return self._registry.get(name)
        stored = await self._looks.submit(account_id)
        if stored is None:
            self._absent[account_id] = self._now()
            if len(self._absent) > MAX_KNOWN:
                self._absent.pop(next(iter(self._absent)))
        if stored is None or stored.account.provider != name:
            raise not_found("provider account", str(account_id))
        return self._guard(stored)

    async def _look(self, account_ids: Sequence[UUID]) -> Sequence[StoredAccount | None]:
        async with self._database.session() as session:
            found = await self._store.those(session, account_ids)
        return [found.get(account_id) for account_id in account_ids]

    async def of_webhook(self, name: str, account_id: UUID | None, headers: Mapping[str, str]) -> ResilientProvider:
        """Return the provider whose webhook it would be, by its path, else by its headers. Raises ApiError.

        Anybody may ask: one without a signature, or of an account that was not there a moment ago, costs no look-up.
        """
        if not name:
            return self._registry.recognize(headers)
        if account_id and not self._registry.is_signed(name, headers):
            raise unauthenticated("WEBHOOK_SIGNATURE_INVALID", f"no signature of {name} is on this request")
        if account_id and self._now() - self._absent.get(account_id, float("-inf")) < ABSENT_SECONDS:
            raise not_found("provider account", str(account_id))
        return await self.by_id(name, account_id)

    async def set(self, owner: Tenant, name: str, credentials: Mapping[str, str], *, is_same: bool = False) -> Account:
        """Set a merchant's own account, or replace its credentials. Raises ApiError as the contract says."""
        if self._setting is None:
            raise _off()
        account = await self._setting.set(owner, name, credentials, is_same=is_same)
        self._known.pop(owner.merchant_id, None)
        return account

    async def identity_of(self, stored: StoredAccount) -> str:
        """Ask whose an account is; empty where its credentials do not tell any more. Raises ApiError."""
        if self._setting is None:
            raise _off()
        return await self._setting.identity_of(stored)

    async def check(self, merchant_id: UUID, name: str) -> tuple[str, str]:
        """Ask the provider whose an account is: its name there, or why the credentials are refused. Raises ApiError."""
        if self._setting is None:
            raise _off()
        async with self._database.session() as session:
            stored = await self._store.in_use(session, merchant_id, name)
        if stored is None:
            raise not_found("provider account", name)
        return await self._setting.check(stored)

    async def delete(self, merchant_id: UUID, name: str) -> Account:
        """Take a merchant's own account out of use for new payments. Raises ApiError NOT_FOUND."""
        async with self._database.session() as session:
            account = await self._store.delete(session, merchant_id, name, self._clock())
        if account is None:
            raise not_found("provider account", name)
        self._known.pop(merchant_id, None)
        return account

    async def in_use(self, merchant_id: UUID) -> list[Account]:
        """Return a merchant's own accounts in use."""
        async with self._database.session() as session:
            return [stored.account for stored in await self._store.of_merchant(session, merchant_id)]

    async def close(self) -> None:
        """Release the connections of all accounts."""
        for task in self._retiring:
            task.cancel()
        for _, guard in self._guards.values():
            await guard.close()
        await self._registry.close()

    def _forget(self) -> None:
        """In another database an account's version may be of other credentials."""
        self._known.clear()
        self._absent.clear()
        self._guards = {account_id: (0, guard) for account_id, (_, guard) in self._guards.items()}

    async def _own(self, owner: Tenant) -> list[ResilientProvider]:
        known = self._known.get(owner.merchant_id)
        if known is None or self._now() - known[0] > MAX_AGE_SECONDS:
            async with self._database.session() as session:
                known = (self._now(), await self._store.of_merchant(session, owner.merchant_id))
            self._known[owner.merchant_id] = known
            if len(self._known) > MAX_KNOWN:
                self._known.pop(next(iter(self._known)))
        return [self._guard(stored) for stored in known[1]]

    def _guard(self, stored: StoredAccount) -> ResilientProvider:
        """Return the provider of an account, made anew when its credentials were replaced."""
        account = stored.account
        version, guard = self._guards.get(account.account_id, (0, None))
        if guard and version == account.version:
            return guard
        if self._vault is None:
            raise _off()
        try:
            credentials = self._vault.open(stored.sealed, account.vault_owner)
        except SealError as error:
            # never the platform's account in its place: the money would be somebody else's
            log.error("a provider account cannot be opened", account_id=str(account.account_id), error=str(error))
            raise unavailable("ACCOUNT_UNREADABLE", "the provider account's credentials cannot be read") from None
        made = self._registry.guarded(account.provider, credentials, account.mode, account.account_id)
        self._guards[account.account_id] = (account.version, made)
        if guard:
            self._retire(guard)
        return made

    def _retire(self, guard: ResilientProvider) -> None:
        async def later() -> None:
            await asyncio.sleep(RETIRE_SECONDS)
            await guard.close()

        task = asyncio.create_task(later())
        self._retiring.add(task)
        task.add_done_callback(self._retiring.discard)


def _off() -> ApiError:
    return failed_precondition("ACCOUNTS_OFF", "this gateway has no key to keep merchants' own accounts under")
