"""How much the audit keeps of requests that nobody was identified for: all of a few, and a count of many.

Whoever has no key can send as many as the network carries, and the audit is for ever: beyond a rate they are one entry
for each batch, which says how many there were, how they were answered, and where most of them came from.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from audit_svc.domain.entry import NO_GRPC_STATUS, Entry
from audit_svc.domain.lines import UNREADABLE

CONDENSED = "condensed"
"""The source of an entry that stands for many."""
BURST = timedelta(seconds=10)
"""As many as come in this time at the steady rate are kept at once."""
NAMED = 5
"""How many statuses an entry names."""


class Condenser:
    """A token bucket in the time of the entries themselves, so that a backlog is kept as it would have been at once."""

    def __init__(self, per_second: float) -> None:
        self._per_second = per_second
        self._left = self._most = per_second * BURST.total_seconds()
        self._time: datetime | None = None

    def condensed(self, entries: Iterable[Entry]) -> list[Entry]:
        """Return the entries to keep, in their order, and after them the one that stands for all others."""
        kept: list[Entry] = []
        others: list[Entry] = []
        for entry in entries:
            (kept if _is_identified(entry) or self._has_room(entry.time) else others).append(entry)
        return [*kept, _summary(others)] if others else kept

    def _has_room(self, time: datetime) -> bool:
        elapsed = max(0.0, (time - self._time).total_seconds()) if self._time else 0.0
        self._time = max(time, self._time or time)
        self._left = min(self._most, self._left + elapsed * self._per_second)
        if self._left < 1:
            return False
        self._left -= 1
        return True


def _is_identified(entry: Entry) -> bool:
    """Whether a key, a login or a webhook's signature shows whose request it was; unreadable lines are kept as well."""
    return (
        bool(entry.merchant_id or entry.key_id or (entry.rpc and entry.http_status == 200))
        or entry.source == UNREADABLE
    )


def _summary(entries: Sequence[Entry]) -> Entry:
    statuses = Counter(entry.http_status for entry in entries)
    clients = Counter(entry.client for entry in entries)
    (client, times), last = clients.most_common(1)[0], entries[-1]
    answers = ", ".join(f"{status}: {count}" for status, count in statuses.most_common(NAMED))
    return replace(
        last,
        request_id="",
        trace_id="",
        method="",
        path="",
        rpc="",
        http_status=statuses.most_common(1)[0][0],
        grpc_status=NO_GRPC_STATUS,
        flags="",
        detail=f"{len(entries)} more that nobody was identified for ({answers}), {times} of them from this client, "
        f"from {len(clients)} clients, since {entries[0].time.isoformat()}",
        duration_us=0,
        client=client,
        idempotency_key="",
        user_agent="",
        source=CONDENSED,
    )
