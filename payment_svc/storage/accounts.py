"""Every SQL statement about merchants' own accounts at providers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from mesh.storage.database import Session, parameters_for, statement
from mesh.storage.resealing import SealedColumn
from mesh.storage.schema import TIME
from mesh.vault import Sealed
from payment_svc.domain.account import Account
from payment_svc.domain.payment import LIVE
from payment_svc.tables import attempts, operations, payments, provider_accounts, refunds


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
    identity: str | None
    identity_version: int | None


_OWNER = (
    *("account/", provider_accounts.c.merchant_id, "/", provider_accounts.c.provider),
    *("/", provider_accounts.c.mode),
)
SECRETS = [SealedColumn(provider_accounts.c.data_key, *_OWNER)]
"""As `payment_svc.domain.account.Account.vault_owner` says."""

_merchant = provider_accounts.c.merchant_id == sa.bindparam("merchant_id", type_=sa.UUID)
_in_use = provider_accounts.c.delete_time.is_(None)

_provider = provider_accounts.c.provider == sa.bindparam("provider", type_=sa.Text)

_INSERT = statement(
    sa.insert(provider_accounts).values(parameters_for(provider_accounts, prefix="b_")).returning(provider_accounts),
    AccountRow,
)
_REPLACE = statement(
    sa.update(provider_accounts)
    .where(provider_accounts.c.account_id == sa.bindparam("b_account_id", type_=sa.UUID))
    .values(
        {
            **parameters_for(
                provider_accounts, *("credentials", "data_key", "secret", "update_time", "identity"), prefix="b_"
            ),
            "version": provider_accounts.c.version + 1,
            "identity_version": provider_accounts.c.version + 1,
            "delete_time": None,
        }
    )
    .returning(provider_accounts),
    AccountRow,
)
_IN_USE = statement(sa.select(provider_accounts).where(_merchant, _provider, _in_use).with_for_update(), AccountRow)
_OF_IDENTITY = statement(
    sa.select(provider_accounts)
    .where(
        *(_merchant, _provider),
        provider_accounts.c.identity == sa.bindparam("identity", type_=sa.Text),
        provider_accounts.c.identity_version == provider_accounts.c.version,
    )
    .order_by(provider_accounts.c.account_id.desc())
    .limit(1),
    AccountRow,
)
_RETIRE = statement(
    sa.update(provider_accounts)
    .where(provider_accounts.c.account_id == sa.bindparam("b_account_id", type_=sa.UUID))
    .values(
        {
            **parameters_for(provider_accounts, "delete_time", "identity", prefix="b_"),
            "identity_version": provider_accounts.c.version,
        }
    )
)
_UNKNOWN = statement(
    sa.select(provider_accounts)
    .where(
        provider_accounts.c.account_id > sa.bindparam("after", type_=sa.UUID),
        sa.or_(
            provider_accounts.c.identity.is_(None),
            provider_accounts.c.identity_version.is_distinct_from(provider_accounts.c.version),
        ),
    )
    .order_by(provider_accounts.c.account_id)
    .limit(sa.bindparam("limit", type_=sa.Integer)),
    AccountRow,
)
_LEARN = statement(
    sa.update(provider_accounts)
    .where(
        provider_accounts.c.account_id == sa.bindparam("b_account_id", type_=sa.UUID),
        provider_accounts.c.version == sa.bindparam("b_version", type_=sa.Integer),
    )
    .values(identity=sa.bindparam("b_identity", type_=sa.Text), identity_version=provider_accounts.c.version)
)

_is_live = payments.c.status.in_([sa.literal_column(f"'{status}'", sa.Text) for status in sorted(LIVE)])


def _is_any(table: sa.Table, *conditions: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
    """Return whether one of them is of a payment that was tried at the account."""
    # counted: to find out whether there is one, the planner would read whole tables, which end at the first
    found = table.join(attempts, attempts.c.payment_id == table.c.payment_id)
    at_account = attempts.c.account_id == sa.bindparam("account_id", type_=sa.UUID)
    return sa.select(sa.func.count()).select_from(found).where(at_account, *conditions).scalar_subquery() > 0


_HAS_OPEN = statement(
    sa.select(
        sa.or_(
            _is_any(payments, payments.c.merchant_id == sa.bindparam("merchant_id", type_=sa.UUID), _is_live),
            _is_any(operations, operations.c.next_try_time.is_not(None), attempts.c.number == operations.c.attempt),
            _is_any(refunds, refunds.c.next_check_time.is_not(None)),
        ).label("is_open")
    ),
    bool,
)
_OF_MERCHANT = statement(
    sa.select(provider_accounts).where(_merchant, _in_use).order_by(provider_accounts.c.provider), AccountRow
)
_RETIRED_SINCE = statement(
    sa.select(provider_accounts)
    .where(_merchant, provider_accounts.c.delete_time > sa.bindparam("since", type_=TIME))
    .order_by(provider_accounts.c.delete_time),
    AccountRow,
)
_THOSE = statement(
    sa.select(provider_accounts).where(
        provider_accounts.c.account_id == sa.func.any(sa.bindparam("account_ids", type_=pg.ARRAY(sa.UUID)))
    ),
    AccountRow,
)
_DELETE = statement(
    sa.update(provider_accounts)
    .where(_merchant, _in_use, provider_accounts.c.provider == sa.bindparam("b_provider", type_=sa.Text))
    .values(delete_time=sa.bindparam("b_now", type_=TIME))
    .returning(provider_accounts),
    AccountRow,
)

_LAST_RETIRED = statement(
    sa.select(provider_accounts)
    .where(_merchant, _provider, provider_accounts.c.delete_time.is_not(None))
    .order_by(provider_accounts.c.delete_time.desc())
    .limit(1),
    AccountRow,
)


@dataclass(frozen=True, slots=True)
class StoredAccount:
    """An account with its sealed secrets."""

    account: Account
    sealed: Sealed


class AccountRepository:
    """Provider accounts in PostgreSQL. Methods run in the session that they are given."""

    async def insert(self, session: Session, stored: StoredAccount) -> Account:
        """Store an account that is in use from now on. Raises UniqueViolation where another one is."""
        account = stored.account
        row = await session.one(
            _INSERT,
            b_merchant_id=account.merchant_id,
            b_provider=account.provider,
            b_mode=account.mode,
            b_version=account.version,
            b_create_time=account.create_time,
            b_delete_time=None,
            b_identity_version=account.version,
            **_settings(stored),
        )
        assert row  # an insert returns its row
        return _account(row)

    async def replace(self, session: Session, stored: StoredAccount) -> Account:
        """Replace the credentials of an account, which is in use from now on. Raises as `insert` does."""
        row = await session.one(_REPLACE, **_settings(stored))
        assert row  # none is ever deleted
        return _account(row)

    async def retire(self, session: Session, account: Account, now: datetime) -> None:
        """Take an account out of use, and note whose it is where that is known."""
        await session.run(
            _RETIRE, b_account_id=account.account_id, b_delete_time=now, b_identity=account.identity or None
        )

    async def in_use(self, session: Session, merchant_id: UUID, provider: str) -> StoredAccount | None:
        """Lock and return the account of a merchant that is in use."""
        row = await session.one(_IN_USE, merchant_id=merchant_id, provider=provider)
        return _stored(row) if row else None

    async def of_identity(self, session: Session, merchant_id: UUID, provider: str, identity: str) -> Account | None:
        """Return the account of a merchant that its provider calls so, in use or not."""
        row = await session.one(_OF_IDENTITY, merchant_id=merchant_id, provider=provider, identity=identity)
        return _account(row) if row else None

    async def unknown(self, session: Session, after: UUID, limit: int) -> list[StoredAccount]:
        """Return accounts of which nobody knows whose they are, in use or not, by their ids."""
        return [_stored(row) for row in await session.all(_UNKNOWN, after=after, limit=limit)]

    async def learn(self, session: Session, account: Account, identity: str) -> None:
        """Note whose an account is, unless its credentials were replaced meanwhile."""
        await session.run(_LEARN, b_account_id=account.account_id, b_version=account.version, b_identity=identity)

    async def has_open(self, session: Session, account: Account) -> bool:
        """Whether a payment of an account waits for anything, or something asked there may have no answer yet."""
        return bool(await session.one(_HAS_OPEN, account_id=account.account_id, merchant_id=account.merchant_id))

    async def of_merchant(self, session: Session, merchant_id: UUID) -> list[StoredAccount]:
        """Return a merchant's accounts in use, by the provider's name."""
        return [_stored(row) for row in await session.all(_OF_MERCHANT, merchant_id=merchant_id)]

    async def retired_since(self, session: Session, merchant_id: UUID, since: datetime) -> list[StoredAccount]:
        """Return a merchant's accounts that were in use after a moment, and are not now."""
        return [_stored(row) for row in await session.all(_RETIRED_SINCE, merchant_id=merchant_id, since=since)]

    async def those(self, session: Session, account_ids: Sequence[UUID]) -> dict[UUID, StoredAccount]:
        """Return the accounts that there are of some, in use or not, by their ids."""
        rows = await session.all(_THOSE, account_ids=list(set(account_ids)))
        return {row.account_id: _stored(row) for row in rows}

    async def delete(self, session: Session, merchant_id: UUID, provider: str, now: datetime) -> Account | None:
        """Take a merchant's account out of use, and return it; None when there never was one.

        Where none is in use it is the last one that was, as it was taken out then: that may be asked for again.
        """
        row = await session.one(_DELETE, merchant_id=merchant_id, b_provider=provider, b_now=now)
        if row is None:
            row = await session.one(_LAST_RETIRED, merchant_id=merchant_id, provider=provider)
        return _account(row) if row else None


def _settings(stored: StoredAccount) -> dict[str, Any]:
    account = stored.account
    return {
        "b_account_id": account.account_id,
        "b_credentials": list(account.credentials),
        "b_data_key": stored.sealed.data_key,
        "b_secret": stored.sealed.secret,
        "b_update_time": account.update_time,
        "b_identity": account.identity,
    }


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
        identity=(row.identity or "") if row.identity_version == row.version else "",
    )


def _stored(row: AccountRow) -> StoredAccount:
    return StoredAccount(_account(row), Sealed(row.data_key, row.secret))
