"""The hops of one payment, found in the logs that the components write."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

Line = Mapping[str, Any]


@dataclass(frozen=True)
class Trip:
    """The ids that one payment's log lines carry: of its resources, and of the requests that made them."""

    order_id: str
    payment_id: str
    order_request: str
    payment_request: str


@dataclass(frozen=True)
class Hop:
    """One step: who did it, what it was, and the first log line that proves it."""

    process: str
    what: str
    matches: Callable[[Line, Trip], bool]
    optional: bool = False


@dataclass(frozen=True)
class Found:
    """A hop that happened: when it ended, and how long it took."""

    hop: Hop
    time: datetime
    duration_ms: float


def _rpc(method: str, key: str = "order_id") -> Callable[[Line, Trip], bool]:
    return lambda line, trip: (
        line.get("message") == "rpc"
        and str(line.get("method")).endswith(f"/{method}")
        and line.get(key) == getattr(trip, key)
    )


def _envoy(route: str, request: str) -> Callable[[Line, Trip], bool]:
    return lambda line, trip: line.get("route") == route and line.get("request_id") == getattr(trip, request)


def _authorized(request: str) -> Callable[[Line, Trip], bool]:
    return lambda line, trip: line.get("message") == "authorized" and line.get("request_id") == getattr(trip, request)


def _published(subject: str, aggregate: str) -> Callable[[Line, Trip], bool]:
    return lambda line, trip: line.get("subject") == subject and line.get("aggregate_id") == getattr(trip, aggregate)


def _delivered(event_type: str) -> Callable[[Line, Trip], bool]:
    return lambda line, trip: (
        line.get("message") == "delivery"
        and line.get("event_type") == event_type
        and line.get("order_id") == trip.order_id
        and line.get("status") == "DELIVERED"
    )


def _sandbox(message: str, field: str, value: str) -> Callable[[Line, Trip], bool]:
    return lambda line, trip: (
        line.get("message") == message
        and str(line.get(field)).endswith(value)
        and line.get("payment_id") == trip.payment_id
    )


COMPLETED = "checkout.session.completed"
HOPS = (
    Hop("envoy", "POST /v1/orders, from the merchant", _envoy("POST /v1/orders", "order_request")),
    Hop("edge", "the API key is the merchant's", _authorized("order_request")),
    Hop("order_svc", "order, idempotency record and event committed", _rpc("CreateOrder")),
    Hop("nats", "order.created is in the stream", _published("fusionx.order.v1.created", "order_id")),
    Hop("notify_svc", "order.created delivered to the merchant", _delivered("order.created")),
    Hop("envoy", "POST /v1/payments, from the merchant", _envoy("POST /v1/payments", "payment_request")),
    Hop("order_svc", "order reserved for the payment: PROCESSING", _rpc("ReserveOrder")),
    Hop("sandbox", "Checkout Session opened at the provider", _sandbox("request", "operation", "sessions.create")),
    Hop("payment_svc", "payment committed, redirect_url answered", _rpc("CreatePayment")),
    Hop("sandbox", "the customer pays on the hosted page", _sandbox("request", "path", "/pay")),
    Hop("sandbox", f"{COMPLETED} sent, signed", _sandbox("webhook", "event_type", COMPLETED)),
    Hop("payment_svc", "signature verified, event stored, 200", _rpc("ReceiveWebhook", "payment_id")),
    Hop(
        "payment_svc",
        "object fetched again: payment SUCCESS",
        lambda line, trip: (
            line.get("message") == "webhook applied"
            and line.get("payment_id") == trip.payment_id
            and line.get("status") == "SUCCESS"
        ),
    ),
    Hop("nats", "payment.succeeded is in the stream", _published("fusionx.payment.v1.succeeded", "payment_id")),
    Hop(
        "order_svc",
        "order SUCCESS",
        lambda line, trip: (
            line.get("message") == "order changed"
            and line.get("order_id") == trip.order_id
            and line.get("status") == "SUCCESS"
        ),
    ),
    Hop("nats", "order.succeeded is in the stream", _published("fusionx.order.v1.succeeded", "order_id")),
    Hop("notify_svc", "order.succeeded delivered to the merchant", _delivered("order.succeeded")),
)


def lines(log_dir: Path) -> Iterator[Line]:
    """Yield the JSON lines of all logs, in the order of time."""
    found = []
    for path in sorted(log_dir.glob("*.log")):
        for text in path.read_text(errors="replace").splitlines():
            if text.startswith("{"):
                try:
                    line = json.loads(text)
                except ValueError:
                    continue
                if "time" in line:
                    found.append(line)
    yield from sorted(found, key=_time)


def find(log_dir: Path, trip: Trip) -> tuple[list[Found], list[Hop]]:
    """Return the hops that happened, each once, and those that left no line."""
    found: list[Found] = []
    missing = list(HOPS)
    for line in lines(log_dir):
        for hop in missing:
            if _process(hop, line) and hop.matches(line, trip):
                found.append(Found(hop, _time(line), _duration(line)))
                missing.remove(hop)
                break
    order = {id(hop): place for place, hop in enumerate(HOPS)}
    return sorted(found, key=lambda one: order[id(one.hop)]), missing


def _process(hop: Hop, line: Line) -> bool:
    """Whether the line is of the hop's process; what reaches NATS is logged by who put it there."""
    return hop.process == "nats" or line.get("component") == hop.process


def _time(line: Line) -> datetime:
    return datetime.fromisoformat(str(line["time"]))


def _duration(line: Line) -> float:
    return float(line.get("duration_ms") or line.get("delay_ms") or 0.0)
