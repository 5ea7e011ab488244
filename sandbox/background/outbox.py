"""Webhook deliveries, written in the transaction of the state they tell about."""

import json
import sqlite3
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sandbox.faults import WEBHOOK_KINDS, Fault, Faults
from sandbox.store.database import Database, dumps

_SCHEMA = """
CREATE TABLE IF NOT EXISTS deliveries (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    provider TEXT NOT NULL,
    event_id TEXT NOT NULL,
    event_type TEXT NOT NULL,
    object_id TEXT NOT NULL,
    tags TEXT NOT NULL,
    status TEXT NOT NULL,
    due REAL NOT NULL,
    held_by TEXT,
    after_id INTEGER,
    corrupt INTEGER NOT NULL DEFAULT 0,
    attempts INTEGER NOT NULL DEFAULT 0,
    history TEXT NOT NULL DEFAULT '[]',
    created REAL NOT NULL
);
CREATE INDEX IF NOT EXISTS deliveries_by_due ON deliveries (status, due);
CREATE INDEX IF NOT EXISTS deliveries_by_object ON deliveries (object_id);
CREATE INDEX IF NOT EXISTS deliveries_by_event ON deliveries (event_id);
CREATE TABLE IF NOT EXISTS paused (provider TEXT PRIMARY KEY);
"""
# A delivery released by a reorder fault waits until its predecessor has been tried once.
_READY = """
FROM deliveries AS d
WHERE d.status = 'pending'
  AND d.provider NOT IN (SELECT provider FROM paused)
  AND (d.after_id IS NULL
       OR NOT EXISTS (SELECT 1 FROM deliveries AS p WHERE p.id = d.after_id AND p.attempts = 0))
"""
_CLAIM = "SELECT d.* " + _READY + " AND d.due <= ? ORDER BY d.due, d.id LIMIT ?"
_NEXT = "SELECT min(d.due) AS due " + _READY
_FIND = """
SELECT * FROM deliveries
WHERE (:object IS NULL OR object_id = :object)
  AND (:event_id IS NULL OR event_id = :event_id)
  AND (:type IS NULL OR event_type = :type)
  AND (:status IS NULL OR status = :status)
  AND NOT EXISTS (
    SELECT 1 FROM json_each(:tags) AS wanted
    WHERE NOT EXISTS (
        SELECT 1 FROM json_each(deliveries.tags) AS held
        WHERE held.key = wanted.key AND held.value = wanted.value))
ORDER BY id
"""


@dataclass(frozen=True, slots=True)
class Event:
    """A fact to be delivered; its body is the provider's event document."""

    provider: str
    id: str
    type: str
    object_id: str
    tags: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Delivery:
    """One copy of an event on its way."""

    id: int
    event: Event
    corrupt: bool
    attempts: int


class Outbox:
    """The queue of webhooks and the log of their attempts."""

    def __init__(self, database: Database, faults: Faults, retry_schedule: Sequence[float]) -> None:
        self._database = database
        self._faults = faults
        self._schedule = list(retry_schedule)
        database.create(_SCHEMA)
        # Whatever was being sent when the process died is sent again: at least once.
        database.execute("UPDATE deliveries SET status = 'pending' WHERE status = 'sending'")

    def enqueue(self, event: Event) -> None:
        """Queue a new event, as the webhook fault that matches it wants."""
        fault = self._faults.take(WEBHOOK_KINDS, event.provider, event.type, event.tags)
        kind = fault.kind if fault else None
        if fault is None or kind == "webhook_duplicate":
            for _ in range(1 + (fault.copies if fault else 0)):
                self.insert(event)
        elif kind == "webhook_delay":
            self.insert(event, delay=fault.seconds)
        elif kind == "webhook_drop":
            self.insert(event, status="dropped")
        elif kind == "webhook_corrupt":
            self.insert(event, corrupt=fault.attempts)
        else:
            self._hold(event, fault)

    def insert(
        self,
        event: Event,
        *,
        status: str = "pending",
        delay: float = 0,
        corrupt: int = 0,
        held_by: str | None = None,
    ) -> int:
        """Write one delivery; answers its id."""
        now = time.time()
        return self._database.execute(
            "INSERT INTO deliveries (provider, event_id, event_type, object_id, tags,"
            " status, due, held_by, corrupt, created) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                event.provider,
                event.id,
                event.type,
                event.object_id,
                dumps(dict(event.tags)),
                status,
                now + delay,
                held_by,
                corrupt,
                now,
            ),
        )

    def _hold(self, event: Event, fault: Fault) -> None:
        self.insert(event, status="held", held_by=fault.id)
        row = self._database.row("SELECT count(*) AS held FROM deliveries WHERE held_by = ?", (fault.id,))
        if row is not None and row["held"] >= fault.size:
            self.release(fault.id)

    def release(self, fault_id: str) -> None:
        """Let the deliveries that a reorder fault holds go, the newest first."""
        rows = self._database.rows(
            "SELECT id FROM deliveries WHERE held_by = ? AND status = 'held' ORDER BY id DESC", (fault_id,)
        )
        previous: int | None = None
        for row in rows:
            self._database.execute(
                "UPDATE deliveries SET status = 'pending', held_by = NULL, after_id = ? WHERE id = ?",
                (previous, row["id"]),
            )
            previous = int(row["id"])

    def claim(self, limit: int) -> list[Delivery]:
        """Take deliveries that are due; they are `sending` until `finish`."""
        with self._database.transaction():
            rows = self._database.rows(_CLAIM, (time.time(), limit))
            for row in rows:
                self._database.execute("UPDATE deliveries SET status = 'sending' WHERE id = ?", (row["id"],))
        return [_delivery(row) for row in rows]

    def next_due(self) -> float | None:
        """When the next delivery is due."""
        row = self._database.row(_NEXT)
        return row["due"] if row else None

    def finish(self, delivery: Delivery, attempt: dict[str, Any]) -> str:
        """Log an attempt and plan the next one if it failed; answers the delivery's status."""
        tried = delivery.attempts + 1
        status, delay = "delivered", 0.0
        if not 200 <= (attempt["status"] or 0) < 300:
            exhausted = tried > len(self._schedule)
            status = "failed" if exhausted else "pending"
            delay = 0.0 if exhausted else self._schedule[tried - 1]
        with self._database.transaction():
            self._database.execute(
                "UPDATE deliveries SET status = ?, due = ?, attempts = ?,"
                " corrupt = max(0, corrupt - 1), history = json_insert(history, '$[#]', json(?))"
                " WHERE id = ?",
                (status, time.time() + delay, tried, dumps(attempt), delivery.id),
            )
        return status

    def find(self, tags: Mapping[str, str], **filters: str | None) -> list[dict[str, Any]]:
        """Deliveries, oldest first; filters are object, event_id, type and status."""
        wanted = {"object": None, "event_id": None, "type": None, "status": None} | filters
        rows = self._database.rows(_FIND, {**wanted, "tags": dumps(dict(tags))})
        return [_shown(row) for row in rows]

    def event(self, event_id: str) -> Event | None:
        """An event that was queued before, to be sent again."""
        row = self._database.row("SELECT * FROM deliveries WHERE event_id = ? LIMIT 1", (event_id,))
        return _delivery(row).event if row else None

    def pause(self, provider: str) -> None:
        """Send nothing of this provider until resumed."""
        self._database.execute("INSERT OR IGNORE INTO paused VALUES (?)", (provider,))

    def resume(self, provider: str) -> None:
        """Send what has piled up."""
        self._database.execute("DELETE FROM paused WHERE provider = ?", (provider,))


def _delivery(row: sqlite3.Row) -> Delivery:
    event = Event(row["provider"], row["event_id"], row["event_type"], row["object_id"], json.loads(row["tags"]))
    return Delivery(row["id"], event, row["corrupt"] > 0, row["attempts"])


def _shown(row: sqlite3.Row) -> dict[str, Any]:
    hidden = {"held_by", "after_id", "corrupt", "history", "tags"}
    shown = {name: row[name] for name in row.keys() if name not in hidden}  # noqa: SIM118 - a Row is no dict
    return {**shown, "metadata": json.loads(row["tags"]), "history": json.loads(row["history"])}
