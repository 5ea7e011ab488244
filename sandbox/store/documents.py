"""Provider objects, stored as the JSON their API shows, with an index for filters and search."""

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sandbox.store.database import Database, dumps

JSON = dict[str, Any]

ACCOUNT = "@account"
"""The tag that says which further account an object is of (`sandbox.store.owners`)."""

_FOREVER = 2**62
_INDEXED = ("payment_intent", "charge", "status", "currency", "amount", "type", "customer", "merchant_reference")
_SCHEMA = """
CREATE TABLE IF NOT EXISTS documents (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    provider TEXT NOT NULL,
    kind TEXT NOT NULL,
    id TEXT NOT NULL UNIQUE,
    created INTEGER NOT NULL,
    body TEXT NOT NULL,
    private TEXT NOT NULL,
    tags TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS documents_by_kind ON documents (provider, kind, seq);
CREATE TABLE IF NOT EXISTS labels (
    document INTEGER NOT NULL REFERENCES documents (seq),
    name TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (document, name)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS labels_by_value ON labels (name, value, document);
"""


@dataclass(slots=True)
class Document:
    """One object of a provider.

    `body` is what the API shows, `private` what only the simulator knows (how the test card will
    behave), `tags` all metadata known of the object and its parents: faults and logs match on them.
    What the API of an object does not show under these names (its id, its type, its birth in numbers) is in `private`.
    """

    body: JSON
    private: JSON = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """The provider's id of the object."""
        return str(self.private.get("id") or self.body["id"])

    @property
    def kind(self) -> str:
        """The provider's name for this type of object."""
        return str(self.private.get("object") or self.body["object"])

    @property
    def created(self) -> int:
        """When it came to be, in seconds since the epoch."""
        return int(self.private.get("created") or self.body["created"])


@dataclass(frozen=True, slots=True)
class Query:
    """A page of objects of one kind, newest first."""

    provider: str
    kind: str
    labels: Mapping[str, str] = field(default_factory=dict)
    created_from: int = 0
    created_to: int = _FOREVER
    before: int = _FOREVER
    limit: int = 10
    account: str = ""


class Documents:
    """The store of provider objects."""

    def __init__(self, database: Database) -> None:
        self._database = database
        database.create(_SCHEMA)

    def get(self, document_id: str) -> Document | None:
        """The object with this id, whatever its kind."""
        row = self._database.row("SELECT * FROM documents WHERE id = ?", (document_id,))
        return _document(row) if row else None

    def position(self, document_id: str) -> int | None:
        """Where an object stands in creation order: the cursor of `starting_after`."""
        row = self._database.row("SELECT seq FROM documents WHERE id = ?", (document_id,))
        return int(row["seq"]) if row else None

    def save(self, provider: str, document: Document) -> None:
        """Insert or replace an object and what it can be found by."""
        self._database.execute(
            "INSERT INTO documents (provider, kind, id, created, body, private, tags)"
            " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE"
            " SET body = excluded.body, private = excluded.private, tags = excluded.tags",
            (
                provider,
                document.kind,
                document.id,
                document.created,
                dumps(document.body),
                dumps(document.private),
                dumps(document.tags),
            ),
        )
        seq = self.position(document.id)
        self._database.execute("DELETE FROM labels WHERE document = ?", (seq,))
        for name, value in _labels(document).items():
            self._database.execute("INSERT INTO labels VALUES (?, ?, ?)", (seq, name, value))

    def page(self, query: Query) -> list[Document]:
        """Up to `query.limit` objects that carry every label asked for."""
        parameters = {
            "provider": query.provider,
            "kind": query.kind,
            "low": query.created_from,
            "high": query.created_to,
            "before": query.before,
            "limit": query.limit,
            "account": query.account,
            "labels": dumps(dict(query.labels)),
            "wanted": len(query.labels),
        }
        statement = _PAGE_BY_LABELS if query.labels else _PAGE
        return [_document(row) for row in self._database.rows(statement, parameters)]


_PAGE = """
SELECT * FROM documents
WHERE provider = :provider AND kind = :kind AND created BETWEEN :low AND :high AND seq < :before
  AND coalesce(json_extract(tags, '$."@account"'), '') = :account
ORDER BY seq DESC LIMIT :limit
"""
_PAGE_BY_LABELS = """
SELECT * FROM documents
WHERE seq IN (
    SELECT labels.document FROM json_each(:labels) AS wanted
    JOIN labels ON labels.name = wanted.key AND labels.value = wanted.value
    GROUP BY labels.document HAVING count(*) = :wanted
) AND provider = :provider AND kind = :kind AND created BETWEEN :low AND :high AND seq < :before
  AND coalesce(json_extract(tags, '$."@account"'), '') = :account
ORDER BY seq DESC LIMIT :limit
"""


def _document(row: sqlite3.Row) -> Document:
    return Document(json.loads(row["body"]), json.loads(row["private"]), json.loads(row["tags"]))


def _labels(document: Document) -> dict[str, str]:
    body = document.body
    labels = {name: str(body[name]) for name in _INDEXED if isinstance(body.get(name), str | int)}
    for name, value in (body.get("metadata") or {}).items():
        labels[f"metadata.{name}"] = str(value)
    return labels
