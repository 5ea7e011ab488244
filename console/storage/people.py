"""Every SQL statement about users and sessions."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import sqlalchemy as sa

from console.domain import MAX_FORGIVEN, User, View
from console.domain import Session as Login
from console.tables import attempts, passkeys, session_keys, sessions, users, views
from mesh.storage.database import Session, parameters_for, statement
from mesh.storage.resealing import SealedColumn
from mesh.storage.schema import TIME

SECRETS = [SealedColumn(users.c.totp_secret, "totp:", users.c.user_id)]
"""As `console.use_cases.accounts` says. Keys of sessions are not among them: they last no longer than those."""


MAX_LOGINS = 20
"""How many logins of one address are looked at: each takes a core for a while."""
MAX_SESSIONS = 50
"""Of one person at once: who begins another ends the oldest."""
MOST_OVER = 100
"""How many that are over are forgotten in one pass."""
MOST_FORMS = 1000
"""How many forms are forgotten by one statement: of a session that a script used there may be millions."""


class KeyId(NamedTuple):
    """The API key of a session."""

    api_key_id: UUID | None


class Somebody(NamedTuple):
    """A user, where nothing else is asked."""

    user_id: UUID


class Holder(NamedTuple):
    """Whose a session's key was."""

    api_key_id: UUID
    email: str
    display_name: str


_ID = sa.bindparam("id", type_=sa.UUID)
_USER = users.c.user_id == _ID
_TOKEN = sessions.c.token_sha256 == sa.bindparam("token", type_=sa.LargeBinary)
_FORMS = attempts.c.token_sha256 == sa.bindparam("token", type_=sa.LargeBinary)
_NOW = sa.bindparam("now", type_=TIME)
_STORED = [column.name for column in users.columns if column.name not in ("disable_time", "forgiven")]

_ADD = statement(sa.dialects.postgresql.insert(users).values(parameters_for(users, *_STORED)).on_conflict_do_nothing())
_EMAIL = users.c.email == sa.bindparam("email", type_=sa.Text)
_BY_EMAIL = statement(sa.select(users).where(_EMAIL).order_by(users.c.user_id).limit(MAX_LOGINS), User)
_AT_MERCHANT = statement(
    sa.select(users).where(
        _EMAIL, users.c.merchant_id.is_not_distinct_from(sa.bindparam("merchant_id", type_=sa.UUID))
    ),
    User,
)
_BY_ID = statement(sa.select(users).where(_USER), User)
_HELD = statement(sa.select(users).where(_USER).with_for_update(), User)
_OF_MERCHANT = statement(
    sa.select(users)
    .where(users.c.merchant_id.is_not_distinct_from(sa.bindparam("merchant_id", type_=sa.UUID)))
    .order_by(users.c.user_id)
    .limit(200),
    User,
)
_ATTEMPT = statement(
    sa.update(users)
    .where(
        _USER,
        users.c.disable_time.is_(None),
        sa.or_(users.c.locked_until.is_(None), users.c.locked_until <= _NOW),
    )
    .values(failures=users.c.failures + 1)
    .returning(users),
    User,
)
_LOCK = statement(sa.update(users).where(_USER).values(locked_until=sa.bindparam("until", type_=TIME)))
_UNCOUNT = statement(sa.update(users).where(_USER).values(failures=sa.func.greatest(users.c.failures - 1, 0)))
_FORGIVE = statement(
    sa.update(users)
    .where(_USER, users.c.forgiven < MAX_FORGIVEN)
    .values(failures=sa.func.greatest(users.c.failures - 1, 0), forgiven=users.c.forgiven + 1)
)
_UNLOCK = statement(sa.update(users).where(_USER).values(locked_until=sa.null()))
_SUCCEEDED = statement(sa.update(users).where(_USER).values(failures=0, locked_until=sa.null(), forgiven=0))
_TAKE_STEP = statement(
    sa.update(users)
    .where(_USER, users.c.totp_step < sa.bindparam("step", type_=sa.BigInteger))
    .values(totp_step=sa.bindparam("step", type_=sa.BigInteger))
)
_SET_PASSWORD = statement(
    # what was forgiven was of the password before
    sa.update(users).where(_USER).values(password_hash=sa.bindparam("password_hash", type_=sa.Text), forgiven=0)
)
_SET_TOTP = statement(
    sa.update(users)
    .where(_USER)
    .values(
        totp_secret=sa.bindparam("secret", type_=sa.LargeBinary),
        totp_step=sa.bindparam("step", type_=sa.BigInteger),
    )
)
_HAS_PASSKEY = statement(sa.select(passkeys.c.user_id).where(passkeys.c.user_id == _ID).limit(1), Somebody)
_SET_ROLE = statement(sa.update(users).where(_USER).values(role=sa.bindparam("role", type_=sa.Text)))
_DISABLE = statement(sa.update(users).where(_USER).values(disable_time=_NOW))
_ENABLE = statement(sa.update(users).where(_USER).values(disable_time=sa.null()))

_OPEN = statement(sa.insert(sessions).values(parameters_for(sessions)))
_LOGIN = statement(sa.select(sessions).where(_TOKEN, sessions.c.expire_time > _NOW), Login)
_LOGINS = statement(
    sa.select(sessions)
    .where(sessions.c.user_id == sa.bindparam("id", type_=sa.UUID), sessions.c.expire_time > _NOW)
    .order_by(sessions.c.create_time.desc()),
    Login,
)
_CLOSE = statement(sa.update(sessions).where(_TOKEN).values(expire_time=_NOW).returning(sessions), Login)
_CLOSE_ALL = statement(
    sa.update(sessions)
    .where(
        sessions.c.user_id == sa.bindparam("id", type_=sa.UUID),
        sessions.c.token_sha256 != sa.bindparam("but", type_=sa.LargeBinary),
    )
    .values(expire_time=_NOW)
    .returning(sessions),
    Login,
)
_CLOSE_OLDEST = statement(
    sa.update(sessions)
    .where(
        sessions.c.token_sha256.in_(
            sa.select(sessions.c.token_sha256)
            .where(sessions.c.user_id == _ID, sessions.c.expire_time > _NOW)
            .order_by(sessions.c.create_time.desc())
            .offset(MAX_SESSIONS)
        )
    )
    .values(expire_time=_NOW)
    .returning(sessions),
    Login,
)
_OVER = statement(sa.select(sessions).where(sessions.c.expire_time <= _NOW).limit(MOST_OVER), Login)
_FORGET_FORMS = statement(
    sa.delete(attempts).where(
        _FORMS, attempts.c.form_sha256.in_(sa.select(attempts.c.form_sha256).where(_FORMS).limit(MOST_FORMS))
    )
)
_FORGET = statement(sa.delete(sessions).where(_TOKEN))
_KEY_IDS = statement(
    sa.select(sessions.c.api_key_id)
    .join(users)
    .where(
        users.c.merchant_id == sa.bindparam("merchant_id", type_=sa.UUID),
        sessions.c.api_key_id.is_not(None),
    ),
    KeyId,
)
_NOTE_KEY = statement(
    sa.dialects.postgresql.insert(session_keys).values(parameters_for(session_keys)).on_conflict_do_nothing()
)
_HOLDERS = statement(
    sa.select(session_keys.c.api_key_id, users.c.email, users.c.display_name)
    .join(users)
    .where(
        session_keys.c.api_key_id == sa.any_(sa.bindparam("keys", type_=sa.ARRAY(sa.UUID))),
        users.c.merchant_id == sa.bindparam("merchant_id", type_=sa.UUID),
    ),
    Holder,
)
_SET_KEY = statement(
    sa.update(sessions)
    .where(
        _TOKEN,
        sessions.c.expire_time > _NOW,
        sessions.c.api_key_id.is_not_distinct_from(sa.bindparam("before", type_=sa.UUID)),
    )
    .values(
        mode=sa.bindparam("mode", type_=sa.Text),
        api_key_id=sa.bindparam("api_key_id", type_=sa.UUID),
        api_key=sa.bindparam("api_key", type_=sa.LargeBinary),
    )
)


_VIEWS = statement(
    sa.select(views)
    .where(
        views.c.user_id == sa.bindparam("id", type_=sa.UUID),
        views.c.list == sa.bindparam("list", type_=sa.Text),
    )
    .order_by(views.c.name)
    .limit(50),
    View,
)
_KEEP = sa.dialects.postgresql.insert(views).values(parameters_for(views))
_KEEP_VIEW = statement(
    _KEEP.on_conflict_do_update(
        index_elements=[views.c.user_id, views.c.list, views.c.name], set_={"filters": _KEEP.excluded.filters}
    )
)
_FORGET_VIEW = statement(
    sa.delete(views).where(
        views.c.user_id == sa.bindparam("id", type_=sa.UUID),
        views.c.view_id == sa.bindparam("view_id", type_=sa.UUID),
    )
)


class Views:
    """Kept filters in PostgreSQL."""

    async def of(self, session: Session, user_id: UUID, listing: str) -> list[View]:
        """Return what somebody keeps of a list."""
        return await session.all(_VIEWS, id=user_id, list=listing)

    async def keep(self, session: Session, view: View) -> None:
        """Keep filters, in place of those of the same name."""
        await session.run(_KEEP_VIEW, **{column.name: getattr(view, column.name) for column in views.columns})

    async def forget(self, session: Session, user_id: UUID, view_id: UUID) -> None:
        """Keep filters no longer."""
        await session.run(_FORGET_VIEW, id=user_id, view_id=view_id)


class Accounts:
    """Users and sessions in PostgreSQL."""

    async def add(self, session: Session, user: User) -> bool:
        """Add a user; return False when somebody of the merchant has the address already."""
        return await session.run(_ADD, **{name: getattr(user, name) for name in _STORED}) == 1

    async def by_email(self, session: Session, email: str) -> list[User]:
        """Return the users with an address, oldest first: one at each merchant, and an operator."""
        return await session.all(_BY_EMAIL, email=email)

    async def at_merchant(self, session: Session, email: str, merchant_id: UUID | None) -> User | None:
        """Return the user of a merchant with an address; None: the operator."""
        return await session.one(_AT_MERCHANT, email=email, merchant_id=merchant_id)

    async def by_id(self, session: Session, user_id: UUID) -> User | None:
        """Return a user."""
        return await session.one(_BY_ID, id=user_id)

    async def held(self, session: Session, user_id: UUID) -> User | None:
        """Return a user, whom nobody changes until the transaction ends."""
        return await session.one(_HELD, id=user_id)

    async def of_merchant(self, session: Session, merchant_id: UUID | None) -> list[User]:
        """Return the users of a merchant, oldest first; None: the operators."""
        return await session.all(_OF_MERCHANT, merchant_id=merchant_id)

    async def attempt(self, session: Session, user_id: UUID, now: datetime) -> User | None:
        """Count an attempt and return the user with it; None when the account is locked or disabled."""
        return await session.one(_ATTEMPT, id=user_id, now=now)

    async def lock(self, session: Session, user_id: UUID, until: datetime) -> None:
        """Look at no attempts until a time."""
        await session.run(_LOCK, id=user_id, until=until)

    async def uncount(self, session: Session, user_id: UUID, *, is_locked: bool) -> None:
        """Take an attempt back, and the lock that it led to."""
        await session.run(_UNCOUNT, id=user_id)
        if is_locked:
            await session.run(_UNLOCK, id=user_id)

    async def forgive(self, session: Session, user_id: UUID, *, is_locked: bool) -> None:
        """Take an attempt back that another login of the address took, while that was done not too often."""
        if await session.run(_FORGIVE, id=user_id) and is_locked:
            await session.run(_UNLOCK, id=user_id)

    async def succeeded(self, session: Session, user_id: UUID) -> None:
        """Forget the attempts before: the last one was right."""
        await session.run(_SUCCEEDED, id=user_id)

    async def take_step(self, session: Session, user_id: UUID, step: int) -> bool:
        """Use the code of a step up; return False when it or a later one was used before."""
        return await session.run(_TAKE_STEP, id=user_id, step=step) == 1

    async def set_password(self, session: Session, user_id: UUID, password_hash: str) -> None:
        """Replace a password."""
        await session.run(_SET_PASSWORD, id=user_id, password_hash=password_hash)

    async def set_totp(self, session: Session, user_id: UUID, secret: bytes | None, step: int) -> None:
        """Replace the secret of the second factor, of which the code of a step was used; None: there is none."""
        await session.run(_SET_TOTP, id=user_id, secret=secret, step=step)

    async def has_passkey(self, session: Session, user_id: UUID) -> bool:
        """Whether somebody has a passkey."""
        return await session.one(_HAS_PASSKEY, id=user_id) is not None

    async def set_role(self, session: Session, user_id: UUID, role: str) -> None:
        """Give a user another role."""
        await session.run(_SET_ROLE, id=user_id, role=role)

    async def set_disabled(self, session: Session, user_id: UUID, time: datetime | None) -> None:
        """Disable a user from a time on; None: enable."""
        if time is None:
            await session.run(_ENABLE, id=user_id)
        else:
            await session.run(_DISABLE, id=user_id, now=time)

    async def open(self, session: Session, login: Login) -> None:
        """Add a session."""
        await session.run(_OPEN, **{column.name: getattr(login, column.name) for column in sessions.columns})

    async def login(self, session: Session, token: bytes, now: datetime) -> Login | None:
        """Return the session with a token's digest, unless it is over."""
        return await session.one(_LOGIN, token=token, now=now)

    async def logins(self, session: Session, user_id: UUID, now: datetime) -> list[Login]:
        """Return a user's sessions, newest first."""
        return await session.all(_LOGINS, id=user_id, now=now)

    async def close(self, session: Session, token: bytes, now: datetime) -> list[Login]:
        """End a session and return what it was."""
        return await session.all(_CLOSE, token=token, now=now)

    async def close_all(self, session: Session, user_id: UUID, now: datetime, but: bytes = b"") -> list[Login]:
        """End all sessions of a user, but one, and return what they were."""
        return await session.all(_CLOSE_ALL, id=user_id, now=now, but=but)

    async def close_oldest(self, session: Session, user_id: UUID, now: datetime) -> list[Login]:
        """End the sessions of a user that are one too many, and return what they were."""
        return await session.all(_CLOSE_OLDEST, id=user_id, now=now)

    async def over(self, session: Session, now: datetime) -> list[Login]:
        """Return sessions that are over, and not forgotten."""
        return await session.all(_OVER, now=now)

    async def forget(self, session: Session, token: bytes) -> None:
        """Remove a session, and first the forms that were sent in it."""
        while await session.run(_FORGET_FORMS, token=token) == MOST_FORMS:
            pass
        await session.run(_FORGET, token=token)

    async def key_ids(self, session: Session, merchant_id: UUID) -> list[UUID]:
        """Return the API keys of all sessions of a merchant's users."""
        found = await session.all(_KEY_IDS, merchant_id=merchant_id)
        return [one.api_key_id for one in found if one.api_key_id]

    async def note_key(self, session: Session, api_key_id: UUID, user_id: UUID) -> None:
        """Note whose a session's key is, for good."""
        await session.run(_NOTE_KEY, api_key_id=api_key_id, user_id=user_id)

    async def holders(self, session: Session, merchant_id: UUID, keys: Sequence[UUID]) -> dict[str, str]:
        """Return which of some keys were those of sessions of a merchant's users, with the users' names."""
        found = await session.all(_HOLDERS, merchant_id=merchant_id, keys=list(keys))
        return {str(one.api_key_id): one.display_name or one.email for one in found}

    async def set_key(self, session: Session, token: bytes, **key: Any) -> bool:
        """Give a session its mode and API key: `mode`, `api_key_id`, `api_key`.

        Return False when it is over, or its key is no longer the one of the id `before`.
        """
        return await session.run(_SET_KEY, token=token, **key) == 1
