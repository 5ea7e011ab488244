"""Setting a merchant's own account: whose it is decides whether it is the account that there was, or another one.

A payment without an answer is asked for again at its account, under a key that no other account knows. So credentials
are replaced by those of the same account at the provider only; another account there is another one here.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace

import grpc
from psycopg.errors import UniqueViolation

from mesh.errors import ApiError, failed_precondition, invalid, unavailable
from mesh.ids import Clock, NewId
from mesh.storage.database import Database, Session
from mesh.vault import Envelopes, SealError
from payment_svc.domain.account import Account, Tenant
from payment_svc.providers.base import CredentialsRefusedError, ProviderError
from payment_svc.providers.registry import Registry
from payment_svc.storage.accounts import AccountRepository, StoredAccount

TRIES = 3
"""How often it is begun anew when somebody else sets the same account meanwhile."""


@dataclass(frozen=True, slots=True)
class _Wish:
    """What is to be set, and whose it is."""

    owner: Tenant
    provider: str
    credentials: Mapping[str, str]
    identity: str
    is_same: bool
    """The merchant says that it is the account in use."""


class AccountSetting:
    """Sets merchants' own accounts."""

    def __init__(
        self,
        database: Database,
        store: AccountRepository,
        vault: Envelopes,
        registry: Registry,
        clock: Clock,
        ids: NewId,
    ) -> None:
        self._database = database
        self._store = store
        self._vault = vault
        self._registry = registry
        self._clock = clock
        self._ids = ids

    async def set(self, owner: Tenant, name: str, credentials: Mapping[str, str], *, is_same: bool) -> Account:
        """Set a merchant's own account, or replace its credentials. Raises ApiError as the contract says."""
        try:
            wish = _Wish(owner, name, credentials, await self._identify(name, credentials, owner.mode), is_same)
        except CredentialsRefusedError as error:
            raise invalid("credentials", f"are refused by {name}: {error}", "CREDENTIALS_REFUSED") from error
        for _ in range(TRIES):
            async with self._database.session() as session:
                before = await self._store.in_use(session, owner.merchant_id, name)
            identity = await self.identity_of(before) if before else ""
            with suppress(UniqueViolation):
                async with self._database.transaction() as session:
                    if set_now := await self._save(session, wish, before, identity):
                        return set_now
        raise ApiError(grpc.StatusCode.ABORTED, "ACCOUNT_CHANGED", "the account was set meanwhile, try again")

    async def _identify(self, name: str, credentials: Mapping[str, str], mode: str) -> str:
        """Ask whose they are. Raises CredentialsRefusedError, and ApiError where the provider does not say."""
        provider = self._registry.guarded(name, credentials, mode)
        try:
            return await provider.identity()
        except CredentialsRefusedError:
            raise
        except ProviderError as error:
            words = f"{name} does not say whose account this is, so nothing was changed; try again: {error}"
            raise unavailable("PROVIDER_UNAVAILABLE", words) from error
        finally:
            await provider.close()

    async def identity_of(self, before: StoredAccount) -> str:
        """Return whose the account in use is; empty where its credentials do not tell any more. Raises ApiError."""
        account = before.account
        if account.identity:
            return account.identity
        try:
            credentials = self._vault.open(before.sealed, account.vault_owner)
            return await self._identify(account.provider, credentials, account.mode)
        except SealError:
            return ""
        except CredentialsRefusedError as error:
            return error.identity

    async def check(self, stored: StoredAccount) -> tuple[str, str]:
        """Ask the provider: whose the account is, or why its credentials are refused. Raises ApiError."""
        account = stored.account
        try:
            credentials = self._vault.open(stored.sealed, account.vault_owner)
            return await self._identify(account.provider, credentials, account.mode), ""
        except SealError:
            return "", "the gateway cannot read the credentials; set them again"
        except CredentialsRefusedError as error:
            return "", str(error) or "refused"

    async def _save(self, session: Session, wish: _Wish, before: StoredAccount | None, identity: str) -> Account | None:
        """Store what is wished; None when the account in use is not any more the one that was looked at."""
        locked = await self._store.in_use(session, wish.owner.merchant_id, wish.provider)
        if locked != before:
            return None
        if locked is None:
            return await self._use(session, wish)
        current = locked.account
        if identity == wish.identity:
            return await self._store.replace(session, self._sealed(wish, current))
        if wish.is_same:
            known = await self._store.of_identity(session, wish.owner.merchant_id, wish.provider, wish.identity)
            if identity or known:
                words = f"the credentials are of another account at {wish.provider} than those that are set"
                raise failed_precondition("ACCOUNT_IN_USE", words, provider_account_id=str(current.account_id))
            return await self._store.replace(session, self._sealed(wish, current))
        if not identity and await self._store.has_open(session, current):
            words = (
                f"the credentials that are set are no longer taken by {wish.provider}, so nobody can tell whether these"
                " are of the same account, where payments wait: say `same_account` if they are, or try again later"
            )
            raise failed_precondition("ACCOUNT_IN_USE", words, provider_account_id=str(current.account_id))
        await self._store.retire(session, replace(current, identity=identity), self._clock())
        return await self._use(session, wish)

    async def _use(self, session: Session, wish: _Wish) -> Account:
        """Store an account; one that was in use before is in use again."""
        known = await self._store.of_identity(session, wish.owner.merchant_id, wish.provider, wish.identity)
        if known:
            return await self._store.replace(session, self._sealed(wish, known))
        now = self._clock()
        owner = wish.owner
        made = Account(self._ids(), owner.merchant_id, wish.provider, owner.mode, (), 1, now, now, None)
        return await self._store.insert(session, self._sealed(wish, made))

    def _sealed(self, wish: _Wish, account: Account) -> StoredAccount:
        now_set = replace(
            account,
            credentials=tuple(sorted(wish.credentials)),
            update_time=self._clock(),
            identity=wish.identity,
        )
        return StoredAccount(now_set, self._vault.seal(wish.credentials, account.vault_owner))
