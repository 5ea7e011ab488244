"""What really happened to money at the providers: the truth that tests compare the gateway with."""

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from sandbox.store.database import Database, dumps

Kind = Literal["charge", "capture", "refund"]

_SCHEMA = """
CREATE TABLE IF NOT EXISTS ledger (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    provider TEXT NOT NULL,
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    object TEXT NOT NULL,
    amount INTEGER NOT NULL,
    currency TEXT NOT NULL,
    status TEXT NOT NULL,
    metadata TEXT NOT NULL,
    created INTEGER NOT NULL,
    UNIQUE (provider, kind, id)
);
"""
_SELECT = """
SELECT * FROM ledger
WHERE (:provider IS NULL OR provider = :provider)
  AND (:kind IS NULL OR kind = :kind)
  AND (:object IS NULL OR object = :object OR id = :object)
  AND NOT EXISTS (
    SELECT 1 FROM json_each(:metadata) AS wanted
    WHERE NOT EXISTS (
        SELECT 1 FROM json_each(ledger.metadata) AS held
        WHERE held.key = wanted.key AND held.value = wanted.value))
ORDER BY seq
"""


@dataclass(frozen=True, slots=True)
class Entry:
    """One line: a `charge` is an attempt, a `capture` is money taken, a `refund` is money given back.

    `object` is the provider's object that the line belongs to (a PaymentIntent, an Order).
    """

    provider: str
    kind: Kind
    id: str
    object: str
    amount: int
    currency: str
    status: str
    metadata: Mapping[str, str]
    created: int


class Ledger:
    """Every charge, capture and refund of every provider."""

    def __init__(self, database: Database) -> None:
        self._database = database
        database.create(_SCHEMA)

    def record(self, entry: Entry) -> None:
        """Write a line, or bring the line of the same id up to date."""
        self._database.execute(
            "INSERT INTO ledger (provider, kind, id, object, amount, currency, status, metadata, created)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (provider, kind, id) DO UPDATE"
            " SET amount = excluded.amount, status = excluded.status, metadata = excluded.metadata",
            (
                entry.provider,
                entry.kind,
                entry.id,
                entry.object,
                entry.amount,
                entry.currency,
                entry.status,
                dumps(dict(entry.metadata)),
                entry.created,
            ),
        )

    def entries(
        self,
        metadata: Mapping[str, str],
        provider: str | None = None,
        kind: str | None = None,
        object_id: str | None = None,
    ) -> list[dict[str, Any]]:
        """Lines in the order they were first written, filtered by exact metadata."""
        parameters = {
            "provider": provider,
            "kind": kind,
            "object": object_id,
            "metadata": dumps(dict(metadata)),
        }
        return [_line(row) for row in self._database.rows(_SELECT, parameters)]


def _line(row: sqlite3.Row) -> dict[str, Any]:
    line = dict(row)
    del line["seq"]
    line["metadata"] = json.loads(line["metadata"])
    return line
