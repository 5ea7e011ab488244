"""Every SQL statement about the inbox of provider webhooks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from mesh.storage.database import Session, parameters_for, statement
from mesh.storage.rows import columns_of
from mesh.storage.schema import NOW
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


_limit = sa.bindparam("limit", type_=sa.Integer)
_RECEIVE = statement(
    pg.insert(provider_events)
    .values(parameters_for(provider_events, prefix="b_"))
    .on_conflict_do_update(
        index_elements=["provider", "account", "event_id"],
        # one that was given up on comes to life when the provider sends it again
        set_={"status": "PENDING", "attempts": 0, "next_attempt_time": sa.func.db_now()},
        where=provider_events.c.status == "DEAD",
    )
    .returning(provider_events.c.event_id),
    str,
)
_key = sa.tuple_(provider_events.c.provider, provider_events.c.account, provider_events.c.event_id)
_accounts = (
    sa.select(provider_events.c.provider, provider_events.c.account)
    .where(provider_events.c.next_attempt_time <= NOW)
    .distinct()
    .subquery("accounts")
)
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
# accounts take turns: everybody's first event before anybody's second, counting what is under way
_turns = (
    sa.select(
        _mine.c.event_id,
        _mine.c.next_attempt_time,
        (_under_way + sa.func.row_number().over(order_by=_mine.c.next_attempt_time)).label("turn"),
    )
    .where(
        _mine.c.provider == _accounts.c.provider,
        _mine.c.account == _accounts.c.account,
        _mine.c.next_attempt_time <= NOW,
    )
    .order_by(_mine.c.next_attempt_time)
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
_wait = sa.bindparam("wait", type_=sa.Interval)
_CLAIM_EVENTS = statement(
    sa.update(provider_events)
    .where(_key.in_(_locked))
    .values(next_attempt_time=sa.func.db_now() + _wait, attempts=provider_events.c.attempts + 1)
    .returning(*columns_of(provider_events, EventRow)),
    EventRow,
)
_CLOSE_EVENT = statement(
    sa.update(provider_events)
    .where(
        provider_events.c.provider == sa.bindparam("b_provider", type_=sa.Text),
        provider_events.c.account == sa.bindparam("b_account", type_=sa.Text),
        provider_events.c.event_id == sa.bindparam("b_event_id", type_=sa.Text),
    )
    .values(
        {
            **parameters_for(provider_events, "status", "reason", "attempts", prefix="b_"),
            # an interval that is null ends the schedule
            "next_attempt_time": sa.func.db_now() + _wait,
        }
    )
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


Key = tuple[str, str]
"""An account as the inbox names it: its provider, and its id, empty for the platform's."""


def key_of(event: StoredEvent) -> Key:
    """Return the account that an event came for."""
    return event.provider, _account(event)


class WebhookRepository:
    """Provider events in PostgreSQL. Methods run in the session that they are given."""

    async def receive(self, session: Session, event: StoredEvent) -> bool:
        """Store a verified webhook, due at once, or revive one that is DEAD; return False when it is here already."""
        row = await session.one(
            _RECEIVE,
            b_provider=event.provider,
            b_account=_account(event),
            b_event_id=event.event_id,
            b_type=event.type,
            b_payload=event.payload,
            b_trace_id=event.trace_id,
            b_status="PENDING",
            b_reason="",
            b_attempts=event.attempts,
            b_receive_time=event.receive_time,
            b_next_attempt_time=event.receive_time,
            b_traceparent=event.traceparent,
        )
        return row is not None

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

    async def close_event(self, session: Session, event: StoredEvent, status: str, reason: str) -> None:
        """Note what became of a webhook."""
        await self._note(session, event, status, reason, None)

    async def postpone(self, session: Session, event: StoredEvent, reason: str, wait: timedelta) -> None:
        """Note why a webhook was not applied, how many attempts count, and after how long it is tried again."""
        await self._note(session, event, "PENDING", reason, wait)

    async def _note(
        self, session: Session, event: StoredEvent, status: str, reason: str, wait: timedelta | None
    ) -> None:
        await session.run(
            _CLOSE_EVENT,
            b_provider=event.provider,
            b_account=_account(event),
            b_event_id=event.event_id,
            b_status=status,
            b_reason=reason,
            b_attempts=event.attempts,
            wait=wait,
        )


def _account(event: StoredEvent) -> str:
    return str(event.account_id) if event.account_id else ""
