"""Dead letters: the events that a consumer gave up on, kept until an operator has them applied or dropped."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from functools import cache
from typing import NamedTuple
from uuid import UUID

import psycopg
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from mesh import context
from mesh.errors import ApiError, failed_precondition, not_found
from mesh.events.inbox import Inbox, Received, read
from mesh.ids import new_id
from mesh.redaction import redacted
from mesh.storage.database import Database, Session, Statement, parameters_for, statement
from mesh.storage.schema import NOW, dead_letters
from mesh.telemetry import get_logger

log = get_logger(__name__)
REASON_LENGTH = 4000
KIND = "dead letter"


class State(StrEnum):
    """How a letter stands."""

    OPEN = "OPEN"
    REPLAYED = "REPLAYED"
    DROPPED = "DROPPED"


class Undeliverable(NamedTuple):
    """An event as it came, and how often it did."""

    event_id: str
    subject: str
    payload: bytes
    deliveries: int


class DeadLetter(NamedTuple):
    """An event that a consumer gave up on, and what became of it."""

    dead_letter_id: UUID
    consumer: str
    event_id: str
    subject: str
    payload: bytes
    reason: str
    deliveries: int
    create_time: datetime
    replay_time: datetime | None
    state: str
    failed_replays: int
    drop_time: datetime | None
    closed_by: str
    forged: bool


_id = sa.bindparam("letter_id", type_=sa.UUID)
_BURY = statement(
    pg.insert(dead_letters)
    .values(
        parameters_for(
            dead_letters,
            "dead_letter_id",
            "consumer",
            "event_id",
            "subject",
            "payload",
            "reason",
            "deliveries",
            "forged",
        )
    )
    .on_conflict_do_nothing(index_elements=["consumer", "event_id"])
)
_one = sa.select(dead_letters).where(dead_letters.c.dead_letter_id == _id)
_GET = statement(_one, DeadLetter)
_LOCK = statement(_one.with_for_update(), DeadLetter)
_actor = sa.bindparam("actor", type_=sa.Text)
_change = sa.update(dead_letters).where(dead_letters.c.dead_letter_id == _id).returning(dead_letters)
_REPLAYED = statement(_change.values(state=sa.literal("REPLAYED"), replay_time=NOW, closed_by=_actor), DeadLetter)
_DROPPED = statement(_change.values(state=sa.literal("DROPPED"), drop_time=NOW, closed_by=_actor), DeadLetter)
_FAILED = statement(
    _change.values(failed_replays=dead_letters.c.failed_replays + 1, reason=sa.bindparam("reason", type_=sa.Text))
)


@cache
def _page(by_consumer: bool, by_state: bool, after: bool) -> Statement[DeadLetter]:
    query = sa.select(dead_letters)
    if by_consumer:
        query = query.where(dead_letters.c.consumer == sa.bindparam("consumer", type_=sa.Text))
    if by_state:
        query = query.where(dead_letters.c.state == sa.bindparam("state", type_=sa.Text))
    if after:
        query = query.where(dead_letters.c.dead_letter_id < sa.bindparam("after", type_=sa.UUID))
    return statement(
        query.order_by(dead_letters.c.dead_letter_id.desc()).limit(sa.bindparam("limit", type_=sa.Integer)),
        DeadLetter,
    )


async def store(session: Session, consumer: str, event: Undeliverable, reason: str, *, forged: bool = False) -> None:
    """Store a letter; one of the same consumer and event that is here already stays as it is.

    What is `forged` can be looked at and dropped, never replayed.
    """
    await session.run(
        _BURY,
        dead_letter_id=new_id(),
        consumer=consumer,
        event_id=_storable(event.event_id),
        subject=event.subject,
        payload=event.payload,
        reason=sanitized(reason),
        deliveries=event.deliveries,
        forged=forged,
    )


def sanitized(reason: str) -> str:
    """Return a reason as it may be stored and shown: errors of a database quote whole rows."""
    return redacted(_storable(reason))[:REASON_LENGTH]


def _storable(text: str) -> str:
    """Return a text as PostgreSQL takes it, whatever bytes a publisher has sent."""
    return text.encode(errors="replace").decode().replace("\0", "\ufffd")


class DeadLetters:
    """What an operator does with the letters of a service."""

    def __init__(self, database: Database, inboxes: Iterable[Inbox]) -> None:
        self._database = database
        self._inboxes = {inbox.consumer: inbox for inbox in inboxes}

    async def page(self, consumer: str, state: State | None, after: UUID | None, limit: int) -> list[DeadLetter]:
        """Return letters, newest first, from the one after `after` on; an empty consumer and no state are any."""
        query = _page(bool(consumer), state is not None, after is not None)
        async with self._database.session() as session:
            return await session.all(query, consumer=consumer, state=state, after=after, limit=limit)

    async def get(self, letter_id: UUID) -> DeadLetter:
        """Return a letter. Raises ApiError NOT_FOUND."""
        async with self._database.session() as session:
            return _found(await session.one(_GET, letter_id=letter_id), letter_id)

    async def replay(self, letter_id: UUID, actor: str) -> DeadLetter:
        """Apply the event of a letter, once, and return the letter; one that was replayed is returned as it is.

        Event, inbox row and letter change in one transaction, under the lock of the letter. Raises ApiError NOT_FOUND,
        or FAILED_PRECONDITION: when it fails, the letter has the new reason, and nothing else has changed.
        """
        call = context.current()
        async with self._database.transaction() as session:
            letter = _found(await session.one(_LOCK, letter_id=letter_id), letter_id)
            if letter.state == State.REPLAYED:
                return letter
            inbox, event = self._replayable(letter)
            reason, applied = await self._apply(session, inbox, event)
            context.enter(call)  # the handler went on under the trace of the event
            if reason:
                await session.run(_FAILED, letter_id=letter_id, reason=reason)
            else:
                changed = await session.one(_REPLAYED, letter_id=letter_id, actor=actor)
                letter = _found(changed, letter_id)
        _tell("dead letter not replayed" if reason else "dead letter replayed", letter, actor, applied=applied)
        if reason:
            raise failed_precondition("REPLAY_FAILED", f"the event cannot be applied: {reason}")
        inbox.after_commit()
        return letter

    async def drop(self, letter_id: UUID, actor: str) -> DeadLetter:
        """Have the event of a letter never applied, and return the letter; one that was dropped is returned as it is.

        Raises ApiError NOT_FOUND, or FAILED_PRECONDITION when its event was applied.
        """
        async with self._database.transaction() as session:
            letter = _found(await session.one(_LOCK, letter_id=letter_id), letter_id)
            if letter.state == State.REPLAYED:
                raise failed_precondition("DEAD_LETTER_REPLAYED", "the event was applied and cannot be dropped")
            if letter.state == State.DROPPED:
                return letter
            inbox, event = self._inboxes.get(letter.consumer), None if letter.forged else event_of(letter)
            # remembered as dealt with: a stream that is filled again would bring it back
            if inbox and event and not await inbox.remember(session, [event.event_id]):
                raise failed_precondition(
                    "DEAD_LETTER_REPLAYED", "the event came again and was applied: replay notes it"
                )
            changed = await session.one(_DROPPED, letter_id=letter_id, actor=actor)
            letter = _found(changed, letter_id)
        _tell("dead letter dropped", letter, actor)
        return letter

    def _replayable(self, letter: DeadLetter) -> tuple[Inbox, Received]:
        if letter.state == State.DROPPED:
            raise failed_precondition("DEAD_LETTER_DROPPED", "the letter was dropped and cannot be replayed")
        if letter.forged:
            raise failed_precondition(
                "EVENT_FORGED", "its publisher did not publish it: `fusionxpay events rebuild` brings what it did"
            )
        inbox = self._inboxes.get(letter.consumer)
        if inbox is None:
            raise failed_precondition("CONSUMER_UNKNOWN", f"there is no consumer {letter.consumer} any more")
        event = event_of(letter)
        if event is None:
            raise failed_precondition("DEAD_LETTER_UNREADABLE", "its bytes are no event that is known here")
        return inbox, event

    async def _apply(self, session: Session, inbox: Inbox, event: Received) -> tuple[str, int]:
        """Return why an event cannot be applied, after all that it did was undone, and how many were: none or one."""
        try:
            async with session.begin():
                return "", await inbox.apply(session, [event])
        except psycopg.OperationalError:
            raise  # the database is out of reach, which is no fault of the event
        except ApiError as error:
            return sanitized(str(error)), 0
        except Exception as error:
            log.warning("replay failed", consumer=inbox.consumer, event_id=event.envelope.event_id, exc_info=error)
            return sanitized(repr(error)), 0


def event_of(letter: DeadLetter) -> Received | None:
    """Return the event in a letter, None when this process cannot read it."""
    try:
        return read(bytes(letter.payload))
    except ValueError:
        return None


def _found(letter: DeadLetter | None, letter_id: UUID) -> DeadLetter:
    if letter is None:
        raise not_found(KIND, str(letter_id))
    return letter


def _tell(what: str, letter: DeadLetter, actor: str, **more: int) -> None:
    """Leave a line about who did what."""
    log.info(
        what,
        dead_letter_id=letter.dead_letter_id,
        consumer=letter.consumer,
        event_id=redacted(letter.event_id),
        actor=actor,
        **more,
    )
