"""Every SQL statement about passkeys, identities of another provider, and what was begun with a browser."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa

from console.storage.people import Somebody
from console.tables import begun, identities, passkeys, users
from mesh.storage.database import Session, parameters_for, statement
from mesh.storage.schema import TIME

MAX_PASSKEYS = 10
"""Of one person."""


@dataclass(frozen=True, slots=True)
class Passkey:
    """The public half of a key that an authenticator holds."""

    passkey_id: UUID
    user_id: UUID
    credential_id: bytes
    public_key: bytes
    sign_count: int
    name: str
    create_time: datetime
    last_use_time: datetime | None = None


@dataclass(frozen=True, slots=True)
class Identity:
    """Who somebody is at the provider of identities."""

    issuer: str
    subject: str
    user_id: UUID
    by_rule: bool
    create_time: datetime


@dataclass(frozen=True, slots=True)
class Begun:
    """What was begun with a browser, and is ended once."""

    token_sha256: bytes
    kind: str
    sealed: bytes
    expire_time: datetime


_USER = sa.bindparam("id", type_=sa.UUID)
_NOW = sa.bindparam("now", type_=TIME)
_COUNT = sa.bindparam("sign_count", type_=sa.BigInteger)
_ADD = statement(
    sa.dialects.postgresql.insert(passkeys).values(parameters_for(passkeys)).on_conflict_do_nothing(),
)
_OF = statement(sa.select(passkeys).where(passkeys.c.user_id == _USER).order_by(passkeys.c.create_time), Passkey)
_BY_CREDENTIAL = statement(
    sa.select(passkeys).where(passkeys.c.credential_id == sa.bindparam("credential_id", type_=sa.LargeBinary)), Passkey
)
_USE = statement(
    sa.update(passkeys)
    .where(
        passkeys.c.passkey_id == _USER,
        # authenticators that keep no count say 0 for ever
        sa.or_(passkeys.c.sign_count < _COUNT, sa.and_(passkeys.c.sign_count == 0, _COUNT == 0)),
    )
    .values(sign_count=_COUNT, last_use_time=_NOW)
)
_REMOVE = statement(
    sa.delete(passkeys).where(
        passkeys.c.passkey_id == sa.bindparam("passkey_id", type_=sa.UUID), passkeys.c.user_id == _USER
    )
)
_REMOVE_ALL = statement(sa.delete(passkeys).where(passkeys.c.user_id == _USER))
_OWNERS = statement(
    sa.select(passkeys.c.user_id)
    .join(users)
    .where(users.c.merchant_id.is_not_distinct_from(sa.bindparam("merchant_id", type_=sa.UUID)))
    .distinct(),
    Somebody,
)
_CONNECT = statement(
    sa.dialects.postgresql.insert(identities).values(parameters_for(identities)).on_conflict_do_nothing()
)
_IDENTITY = statement(
    sa.select(identities).where(
        identities.c.issuer == sa.bindparam("issuer", type_=sa.Text),
        identities.c.subject == sa.bindparam("subject", type_=sa.Text),
    ),
    Identity,
)
_IDENTITIES_OF = statement(sa.select(identities).where(identities.c.user_id == _USER), Identity)
_DISCONNECT = statement(sa.delete(identities).where(identities.c.user_id == _USER, identities.c.by_rule == sa.false()))
_BEGIN = statement(sa.insert(begun).values(parameters_for(begun)))
_TAKE = statement(
    sa.delete(begun)
    .where(
        begun.c.token_sha256 == sa.bindparam("token", type_=sa.LargeBinary),
        begun.c.kind == sa.bindparam("kind", type_=sa.Text),
        begun.c.expire_time > _NOW,
    )
    .returning(begun),
    Begun,
)
_SWEEP = statement(sa.delete(begun).where(begun.c.expire_time <= _NOW))


class Credentials:
    """Passkeys and identities in PostgreSQL."""

    async def add(self, session: Session, passkey: Passkey) -> bool:
        """Add a passkey; return False when the authenticator has registered it already, with anybody."""
        row = {column.name: getattr(passkey, column.name) for column in passkeys.columns}
        return await session.run(_ADD, **row) == 1

    async def of(self, session: Session, user_id: UUID) -> list[Passkey]:
        """Return somebody's passkeys, oldest first."""
        return await session.all(_OF, id=user_id)

    async def by_credential(self, session: Session, credential_id: bytes) -> Passkey | None:
        """Return the passkey that an authenticator names."""
        return await session.one(_BY_CREDENTIAL, credential_id=credential_id)

    async def use(self, session: Session, passkey_id: UUID, sign_count: int, now: datetime) -> bool:
        """Note a use; return False when the authenticator's count does not go on: one of two is a copy."""
        return await session.run(_USE, id=passkey_id, sign_count=sign_count, now=now) == 1

    async def remove(self, session: Session, user_id: UUID, passkey_id: UUID) -> bool:
        """Remove somebody's passkey; return False when there is none."""
        return await session.run(_REMOVE, id=user_id, passkey_id=passkey_id) == 1

    async def forget(self, session: Session, user_id: UUID) -> None:
        """Remove somebody's passkeys, and the identities that they have connected themselves."""
        await session.run(_REMOVE_ALL, id=user_id)
        await session.run(_DISCONNECT, id=user_id)

    async def owners(self, session: Session, merchant_id: UUID | None) -> Sequence[UUID]:
        """Return which people of a merchant have a passkey; None: which operators."""
        return [one.user_id for one in await session.all(_OWNERS, merchant_id=merchant_id)]

    async def connect(self, session: Session, identity: Identity) -> bool:
        """Note who somebody is elsewhere; return False when that is a login already."""
        row = {column.name: getattr(identity, column.name) for column in identities.columns}
        return await session.run(_CONNECT, **row) == 1

    async def identity(self, session: Session, issuer: str, subject: str) -> Identity | None:
        """Return whose login somebody's identity is."""
        return await session.one(_IDENTITY, issuer=issuer, subject=subject)

    async def identities(self, session: Session, user_id: UUID) -> list[Identity]:
        """Return somebody's identities."""
        return await session.all(_IDENTITIES_OF, id=user_id)

    async def disconnect(self, session: Session, user_id: UUID) -> bool:
        """Forget the identities that somebody has connected; return False when there were none."""
        return await session.run(_DISCONNECT, id=user_id) > 0

    async def begin(self, session: Session, one: Begun) -> None:
        """Keep what was begun."""
        await session.run(_BEGIN, **{column.name: getattr(one, column.name) for column in begun.columns})

    async def take(self, session: Session, token: bytes, kind: str, now: datetime) -> Begun | None:
        """Return what was begun, once."""
        return await session.one(_TAKE, token=token, kind=kind, now=now)

    async def sweep(self, session: Session, now: datetime) -> None:
        """Forget what nobody has ended in time."""
        await session.run(_SWEEP, now=now)
