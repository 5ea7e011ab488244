"""What of a merchant is under way in its cell, and whether it has come to its end."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import nats
import psycopg
from nats.aio.client import Client

from mesh.events.bus import EVENTS_STREAM, BusTls, inbox_prefix
from mesh.events.participants import CONSUMERS
from mesh.tls import TlsFiles
from stack.authority import NATS_NAME
from stack.operate.moving.book import MovedTable

_CLAIMED = "SELECT EXISTS (SELECT FROM idempotency_keys WHERE {of} AND response IS NULL AND lease_time > db_now())"
_DRIVEN = "SELECT EXISTS (SELECT FROM payments WHERE {of} AND driving_until > db_now())"
_UNTOLD = "SELECT EXISTS (SELECT FROM provider_events WHERE status = 'PENDING' AND next_attempt_time <= db_now())"
_UNPUBLISHED = (
    "SELECT coalesce((SELECT min(seq) FROM outbox WHERE publish_time IS NULL), 0), coalesce(max(seq), 0) FROM outbox"
)
_UNTRIED = """
SELECT EXISTS (
  SELECT FROM deliveries d JOIN webhook_endpoints w USING (endpoint_id)
  WHERE {of} AND w.enabled AND d.status = 'PENDING' AND d.attempts = 0)
"""


class Requests:
    """Requests of a merchant that are being answered."""

    def __init__(self, connections: Mapping[str, psycopg.Connection[Any]], of: Mapping[str, Mapping[str, str]]) -> None:
        """`of` says by database and table which rows are the merchant's."""
        self._connections, self._of = connections, of

    def ended(self) -> bool:
        """Whether none is; nor any webhook of a provider, whomever it is about."""
        asked = [
            ("payments", _DRIVEN.format(of=self._of["payments"]["payments"])),
            ("payments", _UNTOLD),
            *((name, _CLAIMED.format(of=self._of[name]["idempotency_keys"])) for name in ("payments", "orders")),
        ]
        return not any(_true(self._connections[name], query) for name, query in asked)

    def delivered(self) -> bool:
        """Whether every webhook to the merchant was tried once; those that are tried again wait for their time."""
        of = self._of["notify"]["webhook_endpoints"].replace("webhook_endpoints.", "w.")
        return not _true(self._connections["notify"], _UNTRIED.format(of=of))


def _true(connection: psycopg.Connection[Any], query: str) -> bool:
    ((found,),) = connection.execute(query.encode()).fetchall()
    return bool(found)


class Outbox:
    """What a service has stored to be published up to now."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection
        _, self._last = self._look()

    def published(self) -> bool:
        """Whether all of it is."""
        first, _ = self._look()
        return not first or first > self._last

    def _look(self) -> tuple[int, int]:
        ((first, last),) = self._connection.execute(_UNPUBLISHED.encode()).fetchall()
        return int(first), int(last)


class Bus:
    """The stream of a cell, by one connection while the `with` block runs."""

    def __init__(self, url: str, tls: TlsFiles | None) -> None:
        self._url, self._tls = url, tls
        self._loop = asyncio.Runner()
        self._client: Client

    def __enter__(self) -> Bus:
        tls = BusTls(self._tls, NATS_NAME).options() if self._tls else {}
        try:
            self._client = self._loop.run(
                nats.connect(self._url.split(","), inbox_prefix=inbox_prefix("operator"), allow_reconnect=False, **tls)
            )
        except BaseException:
            self._loop.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.run(self._client.close())
        self._loop.close()

    def last(self) -> int:
        """Return the number of the newest event."""
        return self._loop.run(self._client.jetstream().stream_info(EVENTS_STREAM)).state.last_seq

    def consumed(self, service: str, last: int) -> bool:
        """Whether a service has applied every event up to that number."""
        info = self._loop.run(self._client.jetstream().consumer_info(EVENTS_STREAM, CONSUMERS[service]))
        none_left = info.num_pending == 0 and info.num_ack_pending == 0
        return none_left or bool(info.ack_floor and info.ack_floor.stream_seq >= last)


def conditions(tables: Mapping[str, list[MovedTable]], tenants: Any) -> dict[str, dict[str, str]]:
    """Return by database and table which rows are the tenants'."""
    return {name: {table.name: table.belongs(tenants) for table in found} for name, found in tables.items()}
