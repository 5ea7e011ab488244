"""Every SQL statement about the inbox of provider webhooks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from mesh.storage import history as timeline
from mesh.storage.arrays import rows_from_arrays
from mesh.storage.database import Session, statement
from mesh.storage.history import Entry
from mesh.storage.retention import deletion
from mesh.storage.rows import columns_of
from mesh.storage.schema import NOW, history
from payment_svc.tables import provider_events


class EventRow(NamedTuple):
    """A webhook in the inbox as it is claimed."""

    provider: str
    account: str
    event_id: str
    type: str
    payload: bytes
    trace_id: str
    attempts: int
    receive_time: datetime
    traceparent: str | None


class KeyRow(NamedTuple):
    """What tells one webhook from every other."""

    provider: str
    account: str
    event_id: str


MOST_OF_ONE = 64
"""How many webhooks of one account are claimed at once, at the most: a share is smaller."""
_limit = sa.bindparam("limit", type_=sa.Integer)
_wait = sa.bindparam("wait", type_=sa.Interval)
_GIVEN = [c for c in provider_events.columns if c.name != "next_attempt_time"]
_ENTRY = [column.name for column in history.columns if column.name != "seq"]
_new = rows_from_arrays(
    "new_event",
    [*_GIVEN, sa.Column("wait", sa.Interval), *(sa.Column(f"entry_{n}", history.c[n].type) for n in _ENTRY)],
    prefix="b_",
)
_insert = pg.insert(provider_events).from_select(
    [*(column.name for column in _GIVEN), "next_attempt_time"],
    # an interval that is null is no schedule
    sa.select(*(_new.c[column.name] for column in _GIVEN), sa.func.db_now() + _new.c.wait),
)
_received = (
    _insert.on_conflict_do_update(
        index_elements=["provider", "account", "event_id"],
        # one that was given up on, or not believed, comes to life when the provider sends it again
        set_={name: _insert.excluded[name] for name in ("status", "reason", "attempts", "next_attempt_time")},
        where=sa.or_(provider_events.c.status == "DEAD", provider_events.c.status == "QUARANTINED"),
    )
    .returning(*columns_of(provider_events, KeyRow))
    .cte("received")
)
# of what is here already nothing is said again
_said = sa.insert(history).from_select(
    _ENTRY,
    sa.select(*(_new.c[f"entry_{name}"] for name in _ENTRY))
    .join_from(_new, _received, sa.and_(*(_new.c[name] == _received.c[name] for name in KeyRow._fields)))
    .where(_new.c.entry_order_id.is_not(None)),
)
_RECEIVE = statement(sa.select(*_received.c).add_cte(_said.cte("said")), KeyRow)
_key = sa.tuple_(provider_events.c.provider, provider_events.c.account, provider_events.c.event_id)


def _first_account(*conditions: sa.ColumnElement[bool]) -> sa.Select[str, str]:
    return (
        sa.select(provider_events.c.provider, provider_events.c.account)
        .where(provider_events.c.next_attempt_time.is_not(None), *conditions)
        .order_by(provider_events.c.provider, provider_events.c.account)
        .limit(1)
    )


# which accounts wait: one look into the index for each, however much each has, and however much there is that has ended
_accounts = sa.select(_first_account().subquery()).cte("accounts", recursive=True)
_next_account = _first_account(
    sa.tuple_(provider_events.c.provider, provider_events.c.account)
    > sa.tuple_(_accounts.c.provider, _accounts.c.account)
).lateral("next_account")
_accounts = _accounts.union_all(sa.select(_next_account).select_from(_accounts.join(_next_account, sa.true())))
_busy = (
    sa.func.unnest(
        sa.bindparam("busy_providers", type_=pg.ARRAY(sa.Text)),
        sa.bindparam("busy_accounts", type_=pg.ARRAY(sa.Text)),
        sa.bindparam("busy_counts", type_=pg.ARRAY(sa.Integer)),
    )
    .table_valued(
        sa.column("provider", sa.Text), sa.column("account", sa.Text), sa.column("count", sa.Integer), name="busy"
    )
    .render_derived()
)
_under_way = sa.func.coalesce(_busy.c.count, 0)
_mine = provider_events.alias("mine")
# a bound that is known when it is planned: of an account that has everything, a third would be expected to be due
_waiting = (
    sa.select(_mine.c.event_id, _mine.c.next_attempt_time)
    .where(
        _mine.c.provider == _accounts.c.provider,
        _mine.c.account == _accounts.c.account,
        _mine.c.next_attempt_time <= NOW,
    )
    .order_by(_mine.c.next_attempt_time)
    .limit(sa.literal_column(str(MOST_OF_ONE)))
    .correlate(_accounts)
    .lateral("waiting")
)
# accounts take turns: everybody's first event before anybody's second, counting what is under way
_turns = (
    sa.select(
        _waiting.c.event_id,
        _waiting.c.next_attempt_time,
        (_under_way + sa.func.row_number().over(order_by=_waiting.c.next_attempt_time)).label("turn"),
    )
    .order_by(_waiting.c.next_attempt_time)
    .limit(sa.func.least(_limit, sa.func.greatest(sa.bindparam("share", type_=sa.Integer) - _under_way, 0)))
    .lateral("turns")
)
_first = (
    sa.select(_accounts.c.provider, _accounts.c.account, _turns.c.event_id)
    .select_from(
        _accounts.outerjoin(
            _busy, sa.and_(_busy.c.provider == _accounts.c.provider, _busy.c.account == _accounts.c.account)
        ).join(_turns, sa.true())
    )
    .order_by(_turns.c.turn, _turns.c.next_attempt_time)
    .limit(_limit)
)
_locked = (
    sa.select(provider_events.c.provider, provider_events.c.account, provider_events.c.event_id)
    .where(_key.in_(_first), provider_events.c.next_attempt_time <= NOW)
    .with_for_update(skip_locked=True)
)
_CLAIM_EVENTS = statement(
    sa.update(provider_events)
    .where(_key.in_(_locked))
    .values(next_attempt_time=sa.func.db_now() + _wait, attempts=provider_events.c.attempts + 1)
    .returning(*columns_of(provider_events, EventRow)),
    EventRow,
)
_NOTED = ("provider", "account", "event_id", "status", "reason", "attempts")
_noted = rows_from_arrays(
    "noted", [*(provider_events.c[name] for name in _NOTED), sa.Column("wait", sa.Interval)], prefix="b_"
)
_note_events = (
    sa.update(provider_events)
    .where(*(provider_events.c[name] == _noted.c[name] for name in ("provider", "account", "event_id")))
    .values(
        {
            **{name: _noted.c[name] for name in ("status", "reason", "attempts")},
            # an interval that is null ends the schedule
            "next_attempt_time": sa.func.db_now() + _noted.c.wait,
        }
    )
)
_NOTE_EVENTS = statement(
    sa.select(sa.literal(1)).add_cte(_note_events.cte("noted_events"), timeline.rows_to_insert().cte("new_entry"))
)


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """A verified webhook in the inbox."""

    provider: str
    account_id: UUID | None
    """The merchant's own account that it came for; None: the platform's."""
    event_id: str
    type: str
    payload: bytes
    trace_id: str
    attempts: int
    receive_time: datetime
    traceparent: str | None = None
    """The span that received it, while spans are made."""


@dataclass(frozen=True, slots=True)
class Note:
    """How a webhook stands, after how long it is tried (again), and what its timeline says of it."""

    event: StoredEvent
    status: str
    reason: str = ""
    wait: timedelta | None = None
    entries: Sequence[Entry] = ()


DELETE_OLD = deletion(
    provider_events,
    provider_events.c.receive_time,
    provider_events.c.receive_time,
    provider_events.c.next_attempt_time.is_not(None),
)
"""Deletes the oldest events that wait for nothing; its parameter is `period`."""

Key = tuple[str, str]
"""An account as the inbox names it: its provider, and its id, empty for the platform's."""


def key_of(event: StoredEvent) -> Key:
    """Return the account that an event came for."""
    return event.provider, _account(event)


class WebhookRepository:
    """Provider events in PostgreSQL. Methods run in the session that they are given."""

    async def receive(self, session: Session, events: Sequence[Note]) -> Sequence[bool]:
        """Store verified webhooks as they stand, or revive those that are DEAD or QUARANTINED; False: it is here.

        One that is PENDING is due after its wait, in which somebody works on it. Each has one entry at the most.
        """
        rows = [_values(one.event) | _standing(one) | _entry(one) for one in events]
        # two statements that wait for each other's keys would deadlock
        rows.sort(key=lambda row: (row["b_provider"], row["b_account"], row["b_event_id"]))
        new = set(await session.all(_RECEIVE, **{name: [row[name] for row in rows] for name in rows[0]}))
        return [KeyRow(one.event.provider, _account(one.event), one.event.event_id) in new for one in events]

    async def claim_events(
        self, session: Session, lease: timedelta, limit: int, *, share: int, busy: Mapping[Key, int]
    ) -> Sequence[StoredEvent]:
        """Take webhooks that are due to be applied; no other replica sees them for as long as `lease`.

        Accounts take turns, and none has more than `share` under way, counting those that are: `busy`.
        """
        rows = await session.all(
            _CLAIM_EVENTS,
            wait=lease,
            limit=limit,
            share=share,
            busy_providers=[provider for provider, _ in busy],
            busy_accounts=[account for _, account in busy],
            busy_counts=list(busy.values()),
        )
        return [
            StoredEvent(
                row.provider,
                UUID(row.account) if row.account else None,
                row.event_id,
                row.type,
                row.payload,
                row.trace_id,
                row.attempts,
                row.receive_time,
                row.traceparent,
            )
            for row in rows
        ]

    async def note(self, session: Session, notes: Sequence[Note]) -> None:
        """Note what became of webhooks, with what their timelines say of them, in one statement."""
        rows = [_values(note.event) | _standing(note) for note in notes]
        names = (*(f"b_{name}" for name in _NOTED), "b_wait")
        entries = [entry for note in notes for entry in note.entries]
        noted = {name: [row[name] for row in rows] for name in names}
        await session.run(_NOTE_EVENTS, **noted, **timeline.parameters(entries))


def _values(event: StoredEvent) -> dict[str, Any]:
    return {
        "b_provider": event.provider,
        "b_account": _account(event),
        "b_event_id": event.event_id,
        "b_type": event.type,
        "b_payload": event.payload,
        "b_trace_id": event.trace_id,
        "b_attempts": event.attempts,
        "b_receive_time": event.receive_time,
        "b_traceparent": event.traceparent,
    }


def _standing(note: Note) -> dict[str, Any]:
    return {"b_status": note.status, "b_reason": note.reason, "b_wait": note.wait}


def _entry(note: Note) -> dict[str, Any]:
    """Return what the timeline says of a webhook; None in each column where that is nothing."""
    said = timeline.parameters(note.entries)
    return {f"b_entry_{name}": next(iter(said[f"entry_{name}"]), None) for name in _ENTRY}


def _account(event: StoredEvent) -> str:
    return str(event.account_id) if event.account_id else ""
