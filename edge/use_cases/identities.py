"""The use cases of identity: make merchants and keys, and take from them what they may do."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

from edge.domain import (
    ApiKey,
    IssuedKey,
    KeyChange,
    Merchant,
    NewKey,
    Permissions,
    RandomBytes,
    Signature,
    digest,
    networks_of,
    new_secret,
    new_signing_secret,
)
from edge.storage.identities import IdentityRepository, WatchedKey
from mesh.errors import FieldViolation, failed_precondition, invalid_fields, not_found
from mesh.ids import Clock, NewId, new_id, utc_now
from mesh.rpc.interceptors import ALL_SCOPES
from mesh.storage.database import Database, Session
from mesh.urls.networks import Network
from mesh.vault import Vault

FIRST_PAGE = UUID(int=2**128 - 1)


class Identities:
    """Merchants and their keys."""

    def __init__(
        self,
        database: Database,
        store: IdentityRepository,
        vault: Vault,
        known_scopes: frozenset[str],
        *,
        clock: Clock = utc_now,
        ids: NewId = new_id,
        random_bytes: RandomBytes = secrets.token_bytes,
    ) -> None:
        self._database = database
        self._store = store
        self._vault = vault
        self._known_scopes = known_scopes
        self._clock = clock
        self._ids = ids
        self._random_bytes = random_bytes

    async def create_merchant(self, display_name: str) -> Merchant:
        """Create a merchant."""
        merchant = Merchant(self._ids(), display_name, self._clock())
        async with self._database.session() as session:
            await self._store.add_merchant(session, merchant)
        return merchant

    async def get_merchant(self, merchant_id: UUID) -> Merchant:
        """Return a merchant. Raises ApiError NOT_FOUND."""
        async with self._database.session() as session:
            return _found_merchant(await self._store.get_merchant(session, merchant_id), merchant_id)

    async def merchants(self, after: UUID | None, limit: int) -> list[Merchant]:
        """Return merchants older than `after`, newest first."""
        async with self._database.session() as session:
            return await self._store.merchants(session, after or FIRST_PAGE, limit)

    async def disable_merchant(self, merchant_id: UUID) -> Merchant:
        """Have none of a merchant's keys work. Raises ApiError NOT_FOUND."""
        async with self._database.transaction() as session:
            await self._store.order_changes(session)
            merchant = await self._store.disable_merchant(session, merchant_id, self._clock())
        return _found_merchant(merchant, merchant_id)

    async def enable_merchant(self, merchant_id: UUID) -> Merchant:
        """Have a merchant's keys work again. Raises ApiError NOT_FOUND."""
        async with self._database.transaction() as session:
            await self._store.order_changes(session)
            merchant = await self._store.enable_merchant(session, merchant_id)
        return _found_merchant(merchant, merchant_id)

    async def create_key(self, new: NewKey) -> IssuedKey:
        """Create a key.

        Raises ApiError NOT_FOUND for its merchant, FAILED_PRECONDITION, reason MERCHANT_DISABLED, and INVALID_ARGUMENT
        for what it may not be.
        """
        now = self._clock()
        permissions = self._permissions(new, now)
        async with self._database.transaction() as session:
            merchant = _found_merchant(await self._store.get_merchant(session, new.merchant_id), new.merchant_id)
            if merchant.disable_time:
                raise failed_precondition("MERCHANT_DISABLED", "this merchant is disabled: no key of it works")
            return await self._issue(session, ApiKey(self._ids(), new.merchant_id, permissions, now, new.expire_time))

    async def get_key(self, key_id: UUID) -> ApiKey:
        """Return a key. Raises ApiError NOT_FOUND."""
        async with self._database.session() as session:
            return _found_key(await self._store.get_key(session, key_id), key_id)

    async def watch(self, keys: Collection[UUID], changed_after: int) -> tuple[list[WatchedKey], int]:
        """Return which of the keys have ended, or were changed after a change; and the last change's number."""
        async with self._database.session() as session:
            # first: what commits in between is looked at twice, and not never
            last = await self._store.last_change(session)
            return await self._store.watch(session, keys, self._clock(), changed_after), last

    async def keys(
        self, merchant_id: UUID, after: UUID | None, limit: int, *, without_revoked: bool = False
    ) -> list[ApiKey]:
        """Return a merchant's keys older than `after`, newest first; or those alone that were not revoked."""
        async with self._database.session() as session:
            return await self._store.keys(
                session, merchant_id, after or FIRST_PAGE, limit, without_revoked=without_revoked
            )

    async def change_key(self, key_id: UUID, change: KeyChange) -> ApiKey:
        """Change what a key may do. Raises ApiError NOT_FOUND, FAILED_PRECONDITION, INVALID_ARGUMENT."""
        async with self._database.transaction() as session:
            await self._store.order_changes(session)
            key = self._active(await self._store.get_key(session, key_id, lock=True), key_id)
            permissions = self._changed(key.permissions, change)
            await self._store.change_key(session, key_id, permissions)
        return replace(key, permissions=permissions)

    async def revoke_key(self, key_id: UUID) -> ApiKey:
        """Revoke a key. Raises ApiError NOT_FOUND."""
        async with self._database.transaction() as session:
            await self._store.order_changes(session)
            await self._store.revoke_key(session, key_id, self._clock())
            return _found_key(await self._store.get_key(session, key_id), key_id)

    async def rotate_key(self, key_id: UUID, overlap: timedelta) -> IssuedKey:
        """Replace a key; the old one ends after the overlap. Raises ApiError NOT_FOUND, FAILED_PRECONDITION."""
        async with self._database.transaction() as session:
            await self._store.order_changes(session)
            old = self._active(await self._store.get_key(session, key_id, lock=True), key_id)
            now = self._clock()
            await self._store.end_key(session, old.replaced(now, overlap))
            return await self._issue(session, old.successor(self._ids(), now))

    async def _issue(self, session: Session, key: ApiKey) -> IssuedKey:
        signed = key.permissions.signature is not Signature.NONE
        secret = new_secret(self._random_bytes, key.permissions.mode)
        signing_secret = new_signing_secret(self._random_bytes) if signed else ""
        kept = self._vault.seal(signing_secret.encode(), key.vault_owner) if signed else None
        await self._store.add_key(session, key, digest(secret), kept)
        return IssuedKey(key, secret, signing_secret)

    def _active(self, found: ApiKey | None, key_id: UUID) -> ApiKey:
        """Return a key that can be used. Raises ApiError NOT_FOUND, FAILED_PRECONDITION."""
        key = _found_key(found, key_id)
        if not key.is_active(self._clock()):
            raise failed_precondition("API_KEY_NOT_ACTIVE", "the key was revoked or has expired: create a new one")
        return key

    def _permissions(self, new: NewKey, now: datetime) -> Permissions:
        """Read what is asked of a key. Raises ApiError INVALID_ARGUMENT that names all that is wrong."""
        wrong = self._unknown_scopes(new.scopes)
        networks, not_networks = _networks(new.allowed_ips, "allowed_ips")
        wrong += not_networks
        if new.expire_time and new.expire_time <= now:
            wrong.append(FieldViolation("expire_time", "has passed"))
        if wrong:
            raise invalid_fields(wrong)
        return Permissions(new.mode, tuple(new.scopes) or (ALL_SCOPES,), networks, new.signature)

    def _changed(self, old: Permissions, change: KeyChange) -> Permissions:
        """Return what a changed key may do. Raises ApiError INVALID_ARGUMENT that names all that is wrong."""
        wrong = self._unknown_scopes(change.scopes or ())
        networks, not_networks = _networks(change.allowed_ips or (), "networks.allowed_ips")
        wrong += not_networks
        if wrong:
            raise invalid_fields(wrong)
        return replace(
            old,
            scopes=old.scopes if change.scopes is None else tuple(change.scopes),
            networks=old.networks if change.allowed_ips is None else networks,
        )

    def _unknown_scopes(self, scopes: Sequence[str]) -> list[FieldViolation]:
        known = ", ".join(sorted(self._known_scopes))
        return [
            FieldViolation(f"scopes[{number}]", f"is not a scope; there are: {known}")
            for number, scope in enumerate(scopes)
            if scope not in self._known_scopes and scope != ALL_SCOPES
        ]


def _networks(texts: Sequence[str], field: str) -> tuple[tuple[Network, ...], list[FieldViolation]]:
    """Return the networks that texts name, and what is wrong with those that name none."""
    networks: list[Network] = []
    wrong: list[FieldViolation] = []
    for number, text in enumerate(texts):
        try:
            networks += networks_of([text])
        except ValueError as error:
            wrong.append(FieldViolation(f"{field}[{number}]", str(error)))
    return tuple(networks), wrong


def _found_merchant(merchant: Merchant | None, merchant_id: UUID) -> Merchant:
    if merchant is None:
        raise not_found("merchant", str(merchant_id))
    return merchant


def _found_key(key: ApiKey | None, key_id: UUID) -> ApiKey:
    if key is None:
        raise not_found("api key", str(key_id))
    return key
