"""The clock of a database, moved as a test wants it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import psycopg


def move_clock(admin: psycopg.Connection[tuple[Any, ...]], by: timedelta) -> None:
    """Have the clock that leases, schedules and purges go by show so much more than is true."""
    seconds = by.total_seconds()
    admin.execute(
        "CREATE OR REPLACE FUNCTION db_now() RETURNS timestamptz LANGUAGE sql VOLATILE AS"
        f" $$ SELECT clock_timestamp() + interval '{seconds} s' $$".encode()
    )
