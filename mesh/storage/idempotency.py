"""Idempotency keys: the same request sent again gives the same answer and no second effect.

A record is unique per merchant, method and key, lives in the same database and transaction as its effect, and is kept
24 hours. Two ways lead to it: an effect of one statement stores its record inside that statement (`insert_claims`), and
an effect that takes time, such as a charge, claims a lease first and stores its answer when it is known.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar
from uuid import UUID

import grpc
import sqlalchemy as sa
from google.protobuf.message import Message
from sqlalchemy.dialects import postgresql as pg
from sqlalchemy.sql.dml import ReturningInsert, ReturningUpdate

from mesh import context
from mesh.cards.numbers import contains_card_number
from mesh.errors import ApiError, invalid
from mesh.storage.ageing import MOST, earlier
from mesh.storage.arrays import rows_from_arrays
from mesh.storage.database import Database, Session, parameters_for, statement
from mesh.storage.rows import columns_of
from mesh.storage.schema import NOW, idempotency_keys
from mesh.worker import Worker

MAX_KEY_LENGTH = 255
RETENTION = timedelta(hours=24)
REPLAYED = ("idempotent-replayed", "true")

MadeT = TypeVar("MadeT")
MessageT = TypeVar("MessageT", bound=Message)


@dataclass(frozen=True, slots=True)
class Claim:
    """A request under an idempotency key: who sent it, the key, and what its body was."""

    merchant_id: UUID
    method: str
    key: str
    fingerprint: bytes
    render: Callable[[Any], Message] = field(repr=False, compare=False)
    """Makes the answer of what the request has made."""

    def answer(self, made: Any) -> bytes:
        """Return what is stored for repetitions of a request that has made this."""
        return self.render(made).SerializeToString()


@dataclass(frozen=True, slots=True)
class Record:
    """What is stored under a key. `response` is None while the first request still runs, or died half-way."""

    resource_id: UUID
    fingerprint: bytes
    response: bytes | None
    lease_time: datetime | None


@dataclass(frozen=True, slots=True)
class Answer(Generic[MadeT, MessageT]):
    """How an RPC answers: with the message of what it has made, or with the one that its first request was answered."""

    kind: type[MessageT]
    render: Callable[[MadeT], MessageT]

    def claim(self, request: Message) -> Claim | None:
        """Return the claim of the current call; None when it carries no key.

        Raises ApiError INVALID_ARGUMENT when the key is longer than 255 characters, not printable ASCII, or holds
        a card number.
        """
        call = context.current()
        if call.idempotency_key is None:
            return None
        # an empty one is a client's mistake, and counted as none its repetition would do the same twice
        if not 0 < len(call.idempotency_key) <= MAX_KEY_LENGTH or not call.idempotency_key.isprintable():
            raise invalid("Idempotency-Key", f"must be 1 to {MAX_KEY_LENGTH} printable characters")
        if contains_card_number(call.idempotency_key):
            raise invalid("Idempotency-Key", "must not hold a card number", "CARD_NUMBER_REFUSED")
        fingerprint = hashlib.sha256(request.SerializeToString(deterministic=True)).digest()
        return Claim(context.merchant(), call.method, call.idempotency_key, fingerprint, self.render)

    def reply(self, made: MadeT | Record) -> MessageT:
        """Return the answer; one that was stored is marked as replayed in the headers of the call."""
        if not isinstance(made, Record):
            return self.render(made)
        context.current().response_headers.append(REPLAYED)
        return self.kind.FromString(made.response or b"")


_GIVEN = ("merchant_id", "method", "key", "fingerprint", "resource_id", "response")


def insert_claims() -> ReturningInsert[Any]:
    """Return the insert of many records with their answers, one array a column, that does nothing where a key is taken.

    It returns the resource ids of those that were free. Give the rows in the order of their keys: two statements that
    wait for each other's keys would deadlock otherwise.
    """
    rows = rows_from_arrays("claim_row", [idempotency_keys.c[name] for name in _GIVEN], prefix="idem_", alone=True)
    return (
        pg.insert(idempotency_keys)
        .from_select([*_GIVEN, "create_time"], sa.select(*rows.c, NOW))
        .on_conflict_do_nothing(index_elements=["merchant_id", "method", "key"])
        .returning(idempotency_keys.c.resource_id)
    )


def insert_claim() -> ReturningInsert[Any]:
    """Return the insert of a record that does nothing when the key is taken."""
    return (
        pg.insert(idempotency_keys)
        .values(
            parameters_for(idempotency_keys, *_GIVEN, prefix="idem_")
            | {"create_time": NOW, "lease_time": NOW + sa.bindparam("idem_lease", type_=sa.Interval)}
        )
        .on_conflict_do_nothing(index_elements=["merchant_id", "method", "key"])
        .returning(idempotency_keys.c.resource_id)
    )


def renew_claim() -> ReturningUpdate[Any]:
    """Return the update that renews the lease of a record which was claimed for this resource, and still is.

    It takes the parameters of `insert_claim`, and returns nothing when somebody else has taken the key over.
    """
    return (
        sa.update(idempotency_keys)
        .where(
            *(idempotency_keys.c[name] == sa.bindparam(f"idem_{name}") for name in ("merchant_id", "method", "key")),
            idempotency_keys.c.resource_id == sa.bindparam("idem_resource_id"),
            idempotency_keys.c.response.is_(None),
        )
        .values(lease_time=NOW + sa.bindparam("idem_lease", type_=sa.Interval))
        .returning(idempotency_keys.c.resource_id)
    )


def claim_parameters(
    claim: Claim, resource_id: UUID, response: bytes | None = None, lease: timedelta | None = None
) -> dict[str, object]:
    """Return the parameters of `insert_claim`."""
    return {
        "idem_merchant_id": claim.merchant_id,
        "idem_method": claim.method,
        "idem_key": claim.key,
        "idem_fingerprint": claim.fingerprint,
        "idem_resource_id": resource_id,
        "idem_response": response,
        "idem_lease": lease,
    }


def claims_parameters(claims: Iterable[tuple[Claim, UUID, bytes]]) -> dict[str, list[object]]:
    """Return the parameters of `insert_claims` for claims with their resource and answer."""
    rows = [
        claim_parameters(claim, resource_id, response)
        for claim, resource_id, response in sorted(claims, key=lambda row: (row[0].merchant_id, row[0].key))
    ]
    return {f"idem_{name}": [row[f"idem_{name}"] for row in rows] for name in _GIVEN}


_mine = (
    idempotency_keys.c.merchant_id == sa.bindparam("merchant_id", type_=sa.UUID),
    idempotency_keys.c.method == sa.bindparam("method", type_=sa.Text),
    idempotency_keys.c.key == sa.bindparam("key", type_=sa.Text),
)
_CLAIM = statement(insert_claim())
_FIND = statement(sa.select(*columns_of(idempotency_keys, Record)).where(*_mine), Record)
_TAKE_OVER = statement(
    sa.update(idempotency_keys)
    .where(
        *_mine,
        idempotency_keys.c.lease_time < NOW,
        idempotency_keys.c.response.is_(None),
    )
    .values(lease_time=NOW + sa.bindparam("lease", type_=sa.Interval))
)
_of_resource = idempotency_keys.c.resource_id == sa.bindparam("resource_id", type_=sa.UUID)
_HAND_OVER = statement(
    sa.update(idempotency_keys)
    .where(*_mine, _of_resource, idempotency_keys.c.response.is_(None))
    # a hair before the present, which may be the same moment for whoever continues
    .values(lease_time=NOW - timedelta(milliseconds=1))
)
_ANSWER = statement(
    sa.update(idempotency_keys)
    .where(
        _of_resource,
        # what was answered once stays the answer, also when a slow first run ends after the one that took over
        idempotency_keys.c.response.is_(None),
        *_mine,
    )
    .values(response=sa.bindparam("response", type_=sa.LargeBinary), lease_time=sa.null())
)
_RELEASE = statement(sa.delete(idempotency_keys).where(*_mine, _of_resource, idempotency_keys.c.response.is_(None)))
_PURGE_BATCH = 1000
_PURGE = statement(
    sa.delete(idempotency_keys).where(
        sa.tuple_(*idempotency_keys.primary_key).in_(
            sa.select(*idempotency_keys.primary_key)
            .where(idempotency_keys.c.create_time < NOW - RETENTION)
            .limit(_PURGE_BATCH)
        )
    )
)

_answered = (
    idempotency_keys.c.merchant_id == sa.bindparam("b_merchant_id", type_=sa.UUID),
    idempotency_keys.c.response.is_not(None),
)
_AGE = statement(
    sa.update(idempotency_keys)
    .where(
        sa.tuple_(*idempotency_keys.primary_key).in_(
            sa.select(*idempotency_keys.primary_key)
            .where(*_answered)
            .order_by(idempotency_keys.c.create_time.desc())
            .limit(MOST)
        )
    )
    .values(create_time=earlier(idempotency_keys.c.create_time, sa.bindparam("b_by", type_=sa.Interval)))
)
_FORGET = statement(
    sa.delete(idempotency_keys).where(
        sa.tuple_(*idempotency_keys.primary_key).in_(
            sa.select(*idempotency_keys.primary_key)
            .where(*_answered, idempotency_keys.c.create_time < NOW - RETENTION)
            .limit(MOST)
        )
    )
)


def _key_of(claim: Claim) -> dict[str, object]:
    return {"merchant_id": claim.merchant_id, "method": claim.method, "key": claim.key}


async def find(session: Session, claim: Claim) -> Record | None:
    """Return what is stored under the key, if it was stored for the same body.

    Raises ApiError ALREADY_EXISTS, reason IDEMPOTENCY_KEY_REUSED, when it was stored for another one.
    """
    record = await session.one(_FIND, **_key_of(claim))
    if record and record.fingerprint != claim.fingerprint:
        raise ApiError(
            grpc.StatusCode.ALREADY_EXISTS,
            "IDEMPOTENCY_KEY_REUSED",
            "this Idempotency-Key was used with another request body within 24 hours: take another key for it",
        )
    return record


async def begin(session: Session, claim: Claim, resource_id: UUID, lease: timedelta) -> bool:
    """Claim the key for a request that takes time; return False when somebody was first."""
    return await session.run(_CLAIM, **claim_parameters(claim, resource_id, lease=lease)) == 1


async def store(session: Session, claim: Claim, resource_id: UUID, response: bytes) -> Record | None:
    """Claim the key together with its answer, in the effect's own transaction; return the record of who was first."""
    if await session.run(_CLAIM, **claim_parameters(claim, resource_id, response)) == 1:
        return None
    return await find(session, claim)


async def take_over(session: Session, claim: Claim, lease: timedelta) -> None:
    """Continue a request whose first run died.

    Raises ApiError ABORTED, reason IDEMPOTENCY_KEY_IN_USE, while the first run may still be alive.
    """
    if not await session.run(_TAKE_OVER, **_key_of(claim), lease=lease):
        raise ApiError(
            grpc.StatusCode.ABORTED,
            "IDEMPOTENCY_KEY_IN_USE",
            "the first request with this Idempotency-Key is still running, try again shortly",
        )


async def answer(session: Session, claim: Claim, resource_id: UUID, made: Any) -> None:
    """Store the answer that every repetition gets, the message of what was made, with the transaction's end."""
    await session.carry_out(_ANSWER, **_key_of(claim), resource_id=resource_id, response=claim.answer(made))


async def hand_over(session: Session, claim: Claim, resource_id: UUID) -> None:
    """End the lease of a request that could not be finished: the next repetition may continue it at once.

    A record that stands for another resource by now is somebody else's.
    """
    await session.run(_HAND_OVER, **_key_of(claim), resource_id=resource_id)


async def release(session: Session, claim: Claim, resource_id: UUID) -> None:
    """Free the key of a request that was refused: nothing is kept of it, and the key may be used again.

    A record that stands for another resource by now is somebody else's.
    """
    await session.run(_RELEASE, **_key_of(claim), resource_id=resource_id)


async def age(session: Session, merchant_id: UUID, by: timedelta) -> None:
    """Make a merchant's records older, and forget those whose time is over. One without an answer stays: it runs."""
    await session.run(_AGE, b_merchant_id=merchant_id, b_by=by)
    await session.run(_FORGET, b_merchant_id=merchant_id)


def janitor(database: Database) -> Worker:
    """Return the loop that deletes records after 24 hours, by the database's clock."""

    async def purge() -> bool:
        async with database.session() as session:
            return await session.run(_PURGE) == _PURGE_BATCH

    return Worker("idempotency-janitor", purge, interval=300.0)
