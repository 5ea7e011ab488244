"""Why a database did not do as it was asked, where that is no fault of what was asked."""

from __future__ import annotations

import psycopg
from psycopg_pool import PoolTimeout

from mesh.storage.silence import NoAnswerError

_NOT_CARRIED_OUT = (psycopg.errors.LockNotAvailable, psycopg.errors.QueryCanceled, psycopg.errors.DeadlockDetected)
WORDS = {
    "read_only": "the database cannot be written to",
    "full": "the database cannot be written to",
    "blocked": "the database could not carry this out in time",
    "no_answer": "the database gave no answer in time",
    "no_connection": "there was no connection to the database in time",
    "unreachable": "the database is out of reach",
}
"""What clients are told, by the reason in the metrics."""


def reason_of(error: Exception) -> str:
    """Return why a session ended, as the metrics call it."""
    kinds: tuple[tuple[str, type[Exception] | tuple[type[Exception], ...]], ...] = (
        ("read_only", psycopg.errors.ReadOnlySqlTransaction),
        ("full", psycopg.errors.DiskFull),
        ("blocked", _NOT_CARRIED_OUT),
        ("no_answer", NoAnswerError),
        ("no_connection", PoolTimeout),
    )
    return next((reason for reason, kind in kinds if isinstance(error, kind)), "unreachable")
