"""Every SQL statement about merchants' own accounts at providers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from mesh.storage.database import Session, parameters_for, statement
from mesh.storage.resealing import SealedColumn
from mesh.storage.schema import TIME
from mesh.vault import Sealed
from payment_svc.domain.account import Account
from payment_svc.tables import provider_accounts


class AccountRow(NamedTuple):
    """An account as it is stored."""

    account_id: UUID
    merchant_id: UUID
    provider: str
    mode: str
    credentials: list[str]
    data_key: bytes
    secret: bytes
    version: int
    create_time: datetime
    update_time: datetime
    delete_time: datetime | None


_OWNER = (
    *("account/", provider_accounts.c.merchant_id, "/", provider_accounts.c.provider),
    *("/", provider_accounts.c.mode),
)
SECRETS = [SealedColumn(provider_accounts.c.data_key, *_OWNER)]
"""As `payment_svc.domain.account.Account.vault_owner` says."""

_merchant = provider_accounts.c.merchant_id == sa.bindparam("merchant_id", type_=sa.UUID)
_in_use = provider_accounts.c.delete_time.is_(None)

_new = pg.insert(provider_accounts).values(parameters_for(provider_accounts, prefix="b_"))
_PUT = statement(
    _new.on_conflict_do_update(
        index_elements=["merchant_id", "provider"],
        index_where=_in_use,
        set_={
            "credentials": _new.excluded.credentials,
            "data_key": _new.excluded.data_key,
            "secret": _new.excluded.secret,
            "version": provider_accounts.c.version + 1,
            "update_time": _new.excluded.update_time,
        },
    ).returning(provider_accounts),
    AccountRow,
)
_OF_MERCHANT = statement(
    sa.select(provider_accounts).where(_merchant, _in_use).order_by(provider_accounts.c.provider), AccountRow
)
_GET = statement(
    sa.select(provider_accounts).where(provider_accounts.c.account_id == sa.bindparam("account_id", type_=sa.UUID)),
    AccountRow,
)
_DELETE = statement(
    sa.update(provider_accounts)
    .where(_merchant, _in_use, provider_accounts.c.provider == sa.bindparam("b_provider", type_=sa.Text))
    .values(delete_time=sa.bindparam("b_now", type_=TIME))
    .returning(provider_accounts),
    AccountRow,
)


@dataclass(frozen=True, slots=True)
class StoredAccount:
    """An account with its sealed secrets."""

    account: Account
    sealed: Sealed


class AccountRepository:
    """Provider accounts in PostgreSQL. Methods run in the session that they are given."""

    async def put(self, session: Session, stored: StoredAccount) -> Account:
        """Store an account, or replace the credentials of the one that is in use; return what is stored now."""
        account = stored.account
        row = await session.one(
            _PUT,
            b_account_id=account.account_id,
            b_merchant_id=account.merchant_id,
            b_provider=account.provider,
            b_mode=account.mode,
            b_credentials=list(account.credentials),
            b_data_key=stored.sealed.data_key,
            b_secret=stored.sealed.secret,
            b_version=account.version,
            b_create_time=account.create_time,
            b_update_time=account.update_time,
            b_delete_time=None,
        )
        assert row  # an upsert returns its row
        return _account(row)

    async def of_merchant(self, session: Session, merchant_id: UUID) -> list[StoredAccount]:
        """Return a merchant's accounts in use, by the provider's name."""
        return [_stored(row) for row in await session.all(_OF_MERCHANT, merchant_id=merchant_id)]

    async def get(self, session: Session, account_id: UUID) -> StoredAccount | None:
        """Return an account, in use or not."""
        row = await session.one(_GET, account_id=account_id)
        return _stored(row) if row else None

    async def delete(self, session: Session, merchant_id: UUID, provider: str, now: datetime) -> Account | None:
        """Take a merchant's account out of use; None when there is none."""
        row = await session.one(_DELETE, merchant_id=merchant_id, b_provider=provider, b_now=now)
        return _account(row) if row else None


def _account(row: AccountRow) -> Account:
    return Account(
        account_id=row.account_id,
        merchant_id=row.merchant_id,
        provider=row.provider,
        mode=row.mode,
        credentials=tuple(row.credentials),
        version=row.version,
        create_time=row.create_time,
        update_time=row.update_time,
        delete_time=row.delete_time,
    )


def _stored(row: AccountRow) -> StoredAccount:
    return StoredAccount(_account(row), Sealed(row.data_key, row.secret))
