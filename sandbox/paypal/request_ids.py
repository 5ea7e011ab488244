"""`PayPal-Request-Id`: which object a request made or changed, so that its repetition finds it again.

PayPal replays no bytes: a repetition shows the object as it is now. Failures are not remembered.
"""

import time

from sandbox.paypal.errors import unprocessable
from sandbox.store.database import Database
from sandbox.store.idempotency import InFlight

_SCHEMA = """
CREATE TABLE IF NOT EXISTS paypal_request_ids (
    operation TEXT NOT NULL,
    request_id TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    object_id TEXT NOT NULL,
    expires REAL NOT NULL,
    PRIMARY KEY (operation, request_id)
) WITHOUT ROWID;
"""


class RequestIds(InFlight):
    """The ids in use; each belongs to one type of call."""

    def __init__(self, database: Database) -> None:
        super().__init__()
        self._database = database
        database.create(_SCHEMA)
        database.execute("DELETE FROM paypal_request_ids WHERE expires < ?", (time.time(),))

    def find(self, operation: str, request_id: str, fingerprint: str) -> str | None:
        """The object of an earlier request; an id cannot serve two different requests."""
        row = self._database.row(
            "SELECT * FROM paypal_request_ids WHERE operation = ? AND request_id = ? AND expires >= ?",
            (operation, request_id, time.time()),
        )
        if row is None:
            return None
        if row["fingerprint"] != fingerprint:
            raise unprocessable("DUPLICATE_REQUEST_ID")
        return str(row["object_id"])

    def store(self, operation: str, request_id: str, fingerprint: str, object_id: str, kept_seconds: float) -> None:
        """Remember; belongs in the transaction of the work."""
        self._database.execute(
            "INSERT OR REPLACE INTO paypal_request_ids VALUES (?, ?, ?, ?, ?)",
            (operation, request_id, fingerprint, object_id, time.time() + kept_seconds),
        )
