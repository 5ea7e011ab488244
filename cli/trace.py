"""All that is known of an order: the audit's line, RPCs and calls from the logs, history, events and deliveries."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import namedtuple_row

from cli.parts import host_of, look_into
from mesh.context import trace_id_of

AROUND = timedelta(minutes=1)
"""How far from what the history knows the audit is looked through: it has no index by trace."""
_TOLD = frozenset({"rpc", "provider call", "request", "event published", "worker step failed"})
"""Lines of logs that are hops; of the others, those that warn."""
_MERCHANT = "SELECT merchant_id FROM orders WHERE order_id = %(order)s"
_HISTORY = """
SELECT resource, resource_id, version, status, detail, actor, cause, trace_id, time FROM history
WHERE order_id = %(order)s ORDER BY seq"""
_CALLS = """
SELECT provider, operation, method, path, status, duration_us, request_id, error, trace_id, time FROM provider_calls
WHERE payment_id IN (SELECT payment_id FROM payments WHERE order_id = %(order)s) AND method <> '' ORDER BY call_id"""
_EVENTS = """
SELECT e.event_id, e.type, e.trace_id, e.create_time, w.kind, d.status, a.attempt, a.time, a.status AS answer,
  a.duration_ms
FROM events e
LEFT JOIN deliveries d USING (event_id) LEFT JOIN webhook_endpoints w USING (endpoint_id)
LEFT JOIN delivery_attempts a USING (delivery_id)
WHERE e.merchant_id = %(merchant)s AND e.order_id = %(order)s::text ORDER BY e.event_id, d.delivery_id, a.attempt"""
_AUDIT = """
SELECT method, path, http_status, duration_us, trace_id, key_id, time FROM entries
WHERE time BETWEEN %(since)s AND %(until)s AND trace_id = ANY(%(traces)s) ORDER BY seq"""


@dataclass(frozen=True, slots=True)
class Hop:
    """Something that happened, in one trace."""

    time: datetime
    trace_id: str
    component: str
    what: str
    duration_ms: float | None = None
    wrong: bool = False


class NoSuchOrderError(Exception):
    """No database knows the order."""


class Databases:
    """The databases that are asked. One that does not answer is noted, and its server not waited for again."""

    def __init__(self, urls: Mapping[str, str]) -> None:
        self._urls = urls
        self._silent: set[str] = set()
        self.away: dict[str, str] = {}
        """Those that did not answer, and what was said of it."""

    def rows(self, name: str, query: str, asked: Mapping[str, Any]) -> list[Any]:
        """Return what a query finds; nothing where the database is not named, or away."""
        url = self._urls.get(name, "")
        if not url or self.away.get(name):
            return []
        if host_of(url) in self._silent:
            self.away[name] = "its server does not answer"
            return []
        try:
            with look_into(url, row_factory=namedtuple_row) as connection:
                return connection.execute(query.encode(), asked).fetchall()
        except psycopg.errors.UndefinedTable:
            # the version before has none
            return []
        except psycopg.OperationalError as error:
            self.away[name] = next(iter(str(error).splitlines()), type(error).__name__)
            if isinstance(error, psycopg.errors.ConnectionTimeout):
                self._silent.add(host_of(url))
            return []


def hops_of(order_id: UUID, databases: Databases, logs: Path | None) -> list[Hop]:
    """Return what happened to an order, in the order of time; of databases and logs what is there.

    Raises NoSuchOrderError when the database of orders answers, and has none.
    """
    asked: dict[str, Any] = {"order": order_id}
    row = next(iter(databases.rows("orders", _MERCHANT, asked)), None)
    if row is None and "orders" not in databases.away:
        raise NoSuchOrderError
    found = [hop for name in ("orders", "payments") for hop in _history(name, databases, asked)]
    found += _calls(databases, asked)
    if row:
        found += _events(databases, asked | {"merchant": row.merchant_id})
    elif logs:
        # only the logs know by now which traces the order is in
        found += _logged(logs, [], str(order_id))
    traces = sorted({hop.trace_id for hop in found})
    if found:
        times = [hop.time for hop in found]
        found += _audit(databases, {"since": min(times) - AROUND, "until": max(times) + AROUND, "traces": traces})
    if logs:
        found += _logged(logs, traces, str(order_id))
    return sorted(dict.fromkeys(found), key=lambda hop: hop.time)


def _history(database: str, databases: Databases, asked: Mapping[str, Any]) -> Iterator[Hop]:
    component = {"orders": "order_svc", "payments": "payment_svc"}[database]
    for row in databases.rows(database, _HISTORY, asked):
        version = f" v{row.version}" if row.version else ""
        detail = f" ({row.detail})" if row.detail else ""
        what = f"{row.resource}{version} {row.status}{detail}, by {row.actor}: {row.cause}"
        yield Hop(row.time, row.trace_id, component, what)


def _calls(databases: Databases, asked: Mapping[str, Any]) -> Iterator[Hop]:
    for row in databases.rows("payments", _CALLS, asked):
        named = f", {row.request_id}" if row.request_id else ""
        what = f"{row.provider} {row.operation}: {row.method} {row.path} {row.status or row.error}{named}"
        yield Hop(row.time, row.trace_id, "payment_svc", what, row.duration_us / 1000, not 200 <= row.status < 500)


def _events(databases: Databases, asked: Mapping[str, Any]) -> Iterator[Hop]:
    seen = set()
    for row in databases.rows("notify", _EVENTS, asked):
        if row.event_id not in seen:
            seen.add(row.event_id)
            yield Hop(row.create_time, row.trace_id, "notify_svc", f"event {row.type}")
        if row.attempt is not None:
            well = 200 <= row.answer < 300
            what = f"{row.kind.lower()} of {row.type}, attempt {row.attempt}: {row.answer or 'no answer'}, {row.status}"
            yield Hop(row.time, row.trace_id, "notify_svc", what, row.duration_ms, not well)


def _audit(databases: Databases, asked: Mapping[str, Any]) -> Iterator[Hop]:
    for row in databases.rows("audit", _AUDIT, asked):
        what = f"audit: {row.method} {row.path} {row.http_status}" + (f", key {row.key_id}" if row.key_id else "")
        yield Hop(row.time, row.trace_id, "audit_svc", what, row.duration_us / 1000, row.http_status >= 500)


def _logged(logs: Path, traces: Sequence[str], order_id: str) -> Iterator[Hop]:
    """Return the hops in JSON logs, of rotated ones as well."""
    wanted, needles = set(traces), [*traces, *(str(UUID(trace)) for trace in traces if trace), order_id]
    for path in sorted(logs.glob("*.log*")):
        with path.open(errors="replace") as file:
            for text in file:
                if text.startswith("{") and any(needle in text for needle in needles):
                    try:
                        line = json.loads(text)
                        hop = _hop(line)
                    except (ValueError, KeyError):
                        continue
                    if hop and (hop.trace_id in wanted or line.get("order_id") == order_id):
                        yield hop


def _hop(line: Mapping[str, Any]) -> Hop | None:
    message, wrong = line["message"], line.get("level") in ("warning", "error")
    if message not in _TOLD and not wrong:
        return None
    # Envoy's lines have the client's trace, and without one the request, which the trace is called by
    trace_id = line.get("trace_id") or trace_id_of(str(line.get("traceparent")), str(line.get("request_id")))
    said = {
        "rpc": lambda: f"rpc {str(line['method']).rpartition('/')[2]} {line['code']}",
        "provider call": lambda: f"{line['provider']} {line['operation']}: {line['outcome']}",
        "request": lambda: f"{line['route']} {line['status']}",
        "event published": lambda: f"published {line['subject']}",
    }.get(message, lambda: f"{message}: {line.get('error') or line.get('reason') or ''}".rstrip(": "))()
    time = datetime.fromisoformat(str(line["time"]))
    duration = line.get("duration_ms") or line.get("delay_ms")
    wrong = wrong or line.get("outcome", "ok") not in ("ok", "RejectedError")
    return Hop(
        time if time.tzinfo else time.replace(tzinfo=UTC), trace_id, str(line["component"]), said,
        float(duration) if duration else None, wrong,
    )  # fmt: skip
