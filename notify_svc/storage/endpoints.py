"""Every SQL statement about endpoints, of whatever kind."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID
from weakref import WeakValueDictionary

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from mesh.storage.database import Database, Session, parameters_for, statement
from mesh.storage.resealing import SealedColumn
from mesh.storage.rows import columns_of
from mesh.storage.schema import NOW, TIME
from notify_svc.domain.endpoint import WEBHOOKS, DisableReason, Endpoint, Kind
from notify_svc.tables import webhook_endpoints

_OWNER = ("endpoint/", webhook_endpoints.c.merchant_id, "/", webhook_endpoints.c.endpoint_id)
"""As `notify_svc.domain.endpoint.owner_of` says."""
SECRETS = [SealedColumn(column, *_OWNER) for column in (webhook_endpoints.c.secret, webhook_endpoints.c.old_secret)]
MERCHANT_PATIENCE = 20.0
"""How long the database may take where a merchant is locked: others hold that lock while a mail is sent."""


class EndpointRow(NamedTuple):
    """An endpoint as it is stored, without its secrets."""

    endpoint_id: UUID
    merchant_id: UUID
    kind: str
    url: str
    create_time: datetime
    event_types: list[str]
    description: str
    disable_reason: str
    update_time: datetime
    public_key: str
    old_secret_expire_time: datetime | None
    language: str


class ReceiverRow(NamedTuple):
    """An endpoint that is enabled, and whose it is."""

    merchant_id: UUID
    endpoint_id: UUID
    event_types: list[str]
    kind: str
    failing_since: datetime | None


_COLUMNS = columns_of(webhook_endpoints, EndpointRow)
_endpoints = webhook_endpoints.c
_merchant = sa.bindparam("merchant_id", type_=sa.UUID)
_id = sa.bindparam("endpoint_id", type_=sa.UUID)
_now = sa.bindparam("now", type_=TIME)
_there = (_endpoints.merchant_id == _merchant, _endpoints.delete_time.is_(None))

# two that are created at once must see each other when they are counted
_LOCK_MERCHANT = statement(
    sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtextextended(sa.cast(_merchant, sa.Text), 0)))
)
_NEW = (
    "endpoint_id",
    "merchant_id",
    "url",
    "event_types",
    "description",
    "create_time",
    "update_time",
    "public_key",
    "kind",
    "language",
)
_SECRET = ("secret", "token_hash", "token_expire_time")
_reason = sa.bindparam("reason", type_=sa.Text)
_ADD = statement(
    sa.insert(webhook_endpoints).values(
        parameters_for(webhook_endpoints, *_NEW, *_SECRET) | {"enabled": _reason == "", "disable_reason": _reason}
    )
)
_of_kinds = _endpoints.kind == sa.func.any(sa.bindparam("kinds", type_=pg.ARRAY(sa.Text)))
_GET = statement(sa.select(*_COLUMNS).where(_endpoints.endpoint_id == _id, *_there, _of_kinds), EndpointRow)
# it lets new deliveries refer to the endpoint: they come from whoever has the log's lock, which a ping waits for
_LOCK = statement(
    sa.select(*_COLUMNS).where(_endpoints.endpoint_id == _id, *_there, _of_kinds).with_for_update(key_share=True),
    EndpointRow,
)
# as whoever fans events out, and beside them
_HOLD = statement(
    sa.select(*_COLUMNS).where(_endpoints.endpoint_id == _id, *_there, _of_kinds).with_for_update(read=True),
    EndpointRow,
)
_LIST = statement(sa.select(*_COLUMNS).where(*_there, _of_kinds).order_by(_endpoints.endpoint_id), EndpointRow)
# those that are deleted count too
_RECENT = statement(
    sa.select(sa.func.count().label("count")).where(
        _endpoints.merchant_id == _merchant,
        _endpoints.kind == str(Kind.EMAIL),
        _endpoints.create_time > sa.bindparam("since", type_=TIME),
    ),
    int,
)
# how many they are is kept from PostgreSQL, which would plan it anew for each number that is small
_merchants = sa.func.unnest(sa.bindparam("merchant_ids", type_=pg.ARRAY(sa.UUID))).column_valued()
_RECEIVERS = statement(
    sa.select(*columns_of(webhook_endpoints, ReceiverRow))
    .where(
        _endpoints.merchant_id == sa.func.any(sa.func.array(sa.select(_merchants).scalar_subquery())),
        _endpoints.enabled,
        _endpoints.delete_time.is_(None),
    )
    # an event's deliveries are listed in the order of their ids: so, always in that of the endpoints
    .order_by(_endpoints.merchant_id, _endpoints.endpoint_id)
    # whoever disables one waits, and then cancels what was put on its way
    .with_for_update(read=True),
    ReceiverRow,
)
_UPDATE = statement(
    sa.update(webhook_endpoints)
    .where(_endpoints.endpoint_id == _id)
    .values(
        parameters_for(webhook_endpoints, "url", "event_types", "description", "update_time")
        | {
            "enabled": _reason == "",
            "disable_reason": _reason,
            # what is enabled again, or leads elsewhere, starts with a clean slate
            "failing_since": sa.case(
                (sa.and_(_endpoints.enabled, _endpoints.url == sa.bindparam("url")), _endpoints.failing_since),
                else_=sa.null(),
            ),
        }
    )
)
_failing_for = sa.cast(sa.bindparam("failing_for", type_=sa.Interval), sa.Interval)
_DISABLE = statement(
    sa.update(webhook_endpoints)
    .where(
        _endpoints.endpoint_id == _id,
        _endpoints.enabled,
        _endpoints.url == sa.bindparam("destination", type_=sa.Text),
        # how it stands now, and not how it stood when the attempt began
        sa.or_(_failing_for.is_(None), _endpoints.failing_since <= NOW - _failing_for),
    )
    .values(enabled=sa.false(), disable_reason=_reason, update_time=NOW)
    .returning(*_COLUMNS),
    EndpointRow,
)
_CONFIRM = statement(
    sa.update(webhook_endpoints)
    .where(
        _endpoints.endpoint_id == _id,
        _endpoints.disable_reason == str(DisableReason.UNCONFIRMED),
        _endpoints.token_hash == sa.bindparam("token_hash", type_=sa.LargeBinary),
        _endpoints.token_expire_time > _now,
    )
    .values(enabled=sa.true(), disable_reason="", token_hash=sa.null(), token_expire_time=sa.null(), update_time=_now)
)
_DELETE = statement(
    sa.update(webhook_endpoints)
    .where(_endpoints.endpoint_id == _id)
    .values(
        delete_time=_now,
        update_time=_now,
        enabled=sa.false(),
        disable_reason="MERCHANT",
        # its deliveries refer to the row, and need nothing of what says who somebody is
        url="",
        description="",
        secret=sa.case((_endpoints.secret.is_not(None), sa.literal(b"", sa.LargeBinary))),
        old_secret=sa.null(),
        token_hash=sa.null(),
    )
)
_ROTATE = statement(
    sa.update(webhook_endpoints)
    .where(_endpoints.endpoint_id == _id)
    .values(
        secret=sa.bindparam("secret", type_=sa.LargeBinary),
        old_secret=sa.case((sa.bindparam("expire", type_=TIME) > _now, _endpoints.secret), else_=sa.null()),
        old_secret_expire_time=sa.bindparam("expire", type_=TIME),
        public_key=sa.bindparam("public_key", type_=sa.Text),
        update_time=_now,
    )
)

Kinds = Collection[Kind]


@dataclass(frozen=True, slots=True)
class Token:
    """What confirms a mailbox: the digest of what was mailed, and until when it counts."""

    digest: bytes
    expire_time: datetime


@dataclass(frozen=True, slots=True)
class Subscription:
    """An endpoint that is enabled, its filters, and by which sender it is reached."""

    endpoint_id: UUID
    event_types: frozenset[str]
    kind: Kind
    failing: bool


def _endpoint(row: EndpointRow) -> Endpoint:
    return Endpoint(
        endpoint_id=row.endpoint_id,
        merchant_id=row.merchant_id,
        destination=row.url,
        event_types=tuple(row.event_types),
        description=row.description,
        disable_reason=DisableReason(row.disable_reason),
        create_time=row.create_time,
        update_time=row.update_time,
        public_key=row.public_key,
        old_secret_expire_time=row.old_secret_expire_time,
        kind=Kind(row.kind),
        language=row.language,
    )


class EndpointRepository:
    """Endpoints in PostgreSQL. Methods run in the session that they are given."""

    def __init__(self) -> None:
        self._turns = WeakValueDictionary[UUID, asyncio.Lock]()

    async def add(self, session: Session, endpoint: Endpoint, secret: bytes | None, token: Token | None = None) -> None:
        """Store a new endpoint with its encrypted secret, and with what confirms it."""
        await session.run(
            _ADD,
            endpoint_id=endpoint.endpoint_id,
            merchant_id=endpoint.merchant_id,
            url=endpoint.destination,
            event_types=list(endpoint.event_types),
            description=endpoint.description,
            create_time=endpoint.create_time,
            update_time=endpoint.update_time,
            public_key=endpoint.public_key,
            kind=str(endpoint.kind),
            language=endpoint.language,
            reason=str(endpoint.disable_reason),
            secret=secret,
            token_hash=token.digest if token else None,
            token_expire_time=token.expire_time if token else None,
        )

    @asynccontextmanager
    async def alone(self, database: Database, merchant_id: UUID) -> AsyncIterator[Session]:
        """Begin a transaction beside which no other creates or enables endpoints of the merchant, or sends again."""
        async with self.turn(merchant_id), self.locked(database, merchant_id) as session:
            yield session

    @asynccontextmanager
    async def turn(self, merchant_id: UUID) -> AsyncIterator[None]:
        """Wait until nobody in this process has the merchant's turn, which takes no connection as `locked` does."""
        async with self._turns.setdefault(merchant_id, asyncio.Lock()):
            yield

    @asynccontextmanager
    async def locked(self, database: Database, merchant_id: UUID) -> AsyncIterator[Session]:
        """Begin the transaction of `alone` in a turn that one has."""
        async with database.transaction(MERCHANT_PATIENCE) as session:
            await session.run(_LOCK_MERCHANT, merchant_id=merchant_id)
            yield session

    async def get(
        self, session: Session, merchant_id: UUID, endpoint_id: UUID, *, lock: bool, kinds: Kinds = WEBHOOKS
    ) -> Endpoint | None:
        """Return a merchant's endpoint of one of the kinds, if there is one; with `lock`, nobody else changes it."""
        query = _LOCK if lock else _GET
        row = await session.one(query, merchant_id=merchant_id, endpoint_id=endpoint_id, kinds=[str(k) for k in kinds])
        return _endpoint(row) if row else None

    async def hold(self, session: Session, merchant_id: UUID, endpoint_id: UUID, kinds: Kinds) -> Endpoint | None:
        """Return an endpoint that nobody changes meanwhile, but that others may hold too: events go on to it."""
        kinds_named = [str(kind) for kind in kinds]
        row = await session.one(_HOLD, merchant_id=merchant_id, endpoint_id=endpoint_id, kinds=kinds_named)
        return _endpoint(row) if row else None

    async def all_of(self, session: Session, merchant_id: UUID, kinds: Kinds = WEBHOOKS) -> list[Endpoint]:
        """Return a merchant's endpoints of some kinds, oldest first."""
        found = await session.all(_LIST, merchant_id=merchant_id, kinds=[str(kind) for kind in kinds])
        return [_endpoint(row) for row in found]

    async def mailboxes_since(self, session: Session, merchant_id: UUID, since: datetime) -> int:
        """Count the mailboxes that a merchant has added since a moment, also those that are deleted."""
        return await session.one(_RECENT, merchant_id=merchant_id, since=since) or 0

    async def confirm(self, session: Session, endpoint_id: UUID, digest: bytes, now: datetime) -> bool:
        """Enable a mailbox by the digest of its token; False when it is another one, or too old."""
        return await session.run(_CONFIRM, endpoint_id=endpoint_id, token_hash=digest, now=now) > 0

    async def subscriptions(self, session: Session, merchant_ids: Iterable[UUID]) -> dict[UUID, list[Subscription]]:
        """Return the endpoints that are enabled, by merchant. They stay so until the transaction ends."""
        found: dict[UUID, list[Subscription]] = {}
        for row in await session.all(_RECEIVERS, merchant_ids=list(merchant_ids)):
            found.setdefault(row.merchant_id, []).append(
                Subscription(
                    row.endpoint_id, frozenset(row.event_types), Kind(row.kind), failing=row.failing_since is not None
                )
            )
        return found

    async def update(self, session: Session, endpoint: Endpoint) -> None:
        """Store what a merchant may change of an endpoint."""
        await session.run(
            _UPDATE,
            endpoint_id=endpoint.endpoint_id,
            url=endpoint.destination,
            event_types=list(endpoint.event_types),
            description=endpoint.description,
            update_time=endpoint.update_time,
            reason=str(endpoint.disable_reason),
        )

    async def rotate(self, session: Session, after: Endpoint, secret: bytes) -> None:
        """Replace the encrypted secret; the old one is kept until it expires, if that is to come."""
        await session.run(
            _ROTATE,
            endpoint_id=after.endpoint_id,
            secret=secret,
            public_key=after.public_key,
            expire=after.old_secret_expire_time,
            now=after.update_time,
        )

    async def disable(
        self,
        session: Session,
        endpoint_id: UUID,
        reason: DisableReason,
        *,
        destination: str,
        failing_for: timedelta | None,
    ) -> Endpoint | None:
        """Take an endpoint out of use and return it; None when nothing was changed.

        That is so when it was disabled already, leads to another destination, or has not been failing for so long. What
        is on its way is for `leftovers`.
        """
        disabled = await session.one(
            _DISABLE, endpoint_id=endpoint_id, reason=str(reason), destination=destination, failing_for=failing_for
        )
        if disabled is None:
            return None
        return _endpoint(disabled)

    async def delete(self, session: Session, endpoint_id: UUID, now: datetime) -> None:
        """Make an endpoint as if it were not there; what is on its way is for `leftovers`."""
        await session.run(_DELETE, endpoint_id=endpoint_id, now=now)
