"""Prometheus series: each is declared once, with its labels and all their values, so that all exist from the start.

A counter that is born at 1 has not grown, and no rule sees it: whoever declares a series names every value that its
labels may take, or, where those are known only at run time, calls `prime` as soon as they are. What is declared here
and in the `metrics` module of each service is listed in `docs/metrics.md`. Source: Prometheus, "Instrumentation",
"Avoid missing metrics". A merchant or an order is never a label.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import TypeVar

import grpc
from prometheus_client import REGISTRY, Counter, Gauge, Histogram, disable_created_metrics
from prometheus_client.metrics import MetricWrapperBase

# when a series was made is of no use, and would be a third of every answer
disable_created_metrics()  # type: ignore[no-untyped-call]

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
"""The buckets of what somebody waits for."""
LONG_SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600, 21600, 86400)
"""The buckets of what nobody waits for, and what may be tried again for days."""
CODES = tuple(code.name for code in grpc.StatusCode)


@dataclass(frozen=True, slots=True)
class Varies:
    """Values of a label that are known at run time only, in words."""

    words: str


Values = Sequence[str] | Varies
MetricT = TypeVar("MetricT", bound=MetricWrapperBase)


@dataclass(frozen=True, slots=True)
class Series:
    """A series as it is declared."""

    name: str
    kind: str
    meaning: str
    labels: dict[str, Values]


SERIES: dict[MetricWrapperBase, Series] = {}
"""How each metric was declared."""


def counter(name: str, meaning: str, **labels: Values) -> Counter:
    """Declare a counter; its name ends in `_total`."""
    return _declare(Counter(name, meaning, list(labels)), Series(name, "counter", meaning, labels))


def gauge(name: str, meaning: str, **labels: Values) -> Gauge:
    """Declare a gauge. An age, a deadline or a moment (`…_seconds`, `…_time`) is NaN until it is set.

    Zero would say that something is due now, or ended in 1970, before anybody has looked.
    """
    metric = Gauge(name, meaning, list(labels))
    if not labels:
        _begin(metric, name)
    return _declare(metric, Series(name, "gauge", meaning, labels))


def _begin(metric: Gauge, name: str) -> None:
    if name.endswith(("_seconds", "_time")):
        metric.set(math.nan)


def histogram(name: str, meaning: str, buckets: Sequence[float] = SECONDS, **labels: Values) -> Histogram:
    """Declare a histogram of seconds."""
    metric = Histogram(name, meaning, list(labels), buckets=buckets)
    return _declare(metric, Series(name, "histogram", meaning, labels))


_BEGUN: dict[MetricWrapperBase, set[tuple[str, ...]]] = {}


def prime(metric: MetricWrapperBase, *values: Iterable[str]) -> None:
    """Have the series of all combinations of label values exist; those that are new have what each kind begins with."""
    begun = _BEGUN.setdefault(metric, set())
    for combination in itertools.product(*values):
        one = metric.labels(*combination)
        if isinstance(one, Gauge) and combination not in begun:
            _begin(one, SERIES[metric].name)
        begun.add(combination)


def _declare(metric: MetricT, series: Series) -> MetricT:
    SERIES[metric] = series
    known = [values for values in series.labels.values() if not isinstance(values, Varies)]
    if series.labels and len(known) == len(series.labels):
        prime(metric, *known)
    return metric


_METHOD = Varies("each RPC that the process answers")
_CALLED = Varies("each RPC that was called")
_WORKER = Varies("each loop in the background")
_CONSUMER = Varies("each consumer of events")

RPC_SECONDS = histogram("fusionxpay_rpc_server_seconds", "Time to answer an RPC", method=_METHOD)
RPC_ANSWERS = counter("fusionxpay_rpc_server_total", "RPCs answered", method=_METHOD, code=CODES)
RPC_CLIENT_SECONDS = histogram("fusionxpay_rpc_client_seconds", "Time until another service answered", method=_CALLED)
RPC_CLIENT_ANSWERS = counter("fusionxpay_rpc_client_total", "Calls to other services", method=_CALLED, code=CODES)
STREAMS_OPEN = gauge("fusionxpay_streams_open", "Streams that clients read now", method=_METHOD)
OVERLOADED = counter("fusionxpay_rpc_overloaded_total", "RPCs refused because too many were in flight")
SHARE_USED_UP = counter("fusionxpay_rpc_share_used_up_total", "RPCs refused as one merchant had too many in flight")

POOL_SIZE = gauge("fusionxpay_database_connections", "Connections to the database", state=("used", "idle"))
POOL_LIMIT = gauge("fusionxpay_database_connections_max", "How many there may be")
POOL_WAITING = gauge("fusionxpay_database_waiting", "Requests that wait for a connection")
DATABASE_FAILURES = counter(
    "fusionxpay_database_failures_total",
    "Sessions that the database ended",
    reason=("unreachable", "no_connection", "no_answer", "blocked", "read_only", "full"),
)
DATABASE_UP = gauge("fusionxpay_database_up", "1 while the database answers and is migrated: the process is ready")
CLOCK_AHEAD = gauge("fusionxpay_clock_ahead_seconds", "How far the process's clock is ahead of its database's")
LOOP_LAG = gauge("fusionxpay_event_loop_lag_seconds", "How late the event loop ran what was due, at the worst of 5 s")
NATS_UP = gauge("fusionxpay_nats_up", "1 while there is a connection to NATS; 1 as well where none is needed")
WORKER_FAILURES = counter("fusionxpay_worker_failures_total", "Steps of a loop that failed", worker=_WORKER)
WORKER_SUCCESS = gauge(
    "fusionxpay_worker_last_success_time", "When a loop last ended a step, Unix time", worker=_WORKER
)
CERTIFICATE_EXPIRY = gauge("fusionxpay_certificate_expiry_time", "When the process's certificate ends, Unix time")
BUILD = gauge(
    "fusionxpay_build_info", "1, for what runs", component=Varies("the service"), version=Varies("of the package"),
    revision=Varies("of its database's schema"),
)  # fmt: skip

OUTBOX_DEPTH = gauge("fusionxpay_outbox_unpublished", "Events committed but not yet in the stream")
OUTBOX_OLDEST = gauge("fusionxpay_outbox_oldest_seconds", "Age of the oldest event that is not yet in the stream")
OUTBOX_ASIDE = counter("fusionxpay_outbox_set_aside_total", "Events that can never be put into the stream, set aside")
OUTBOX_ROWS_ASIDE = gauge("fusionxpay_outbox_rows_set_aside", "Events that are set aside, and wait for a person")
EVENTS_PUBLISHED = counter("fusionxpay_events_published_total", "Events put into the stream")
EVENTS_CONSUMED = counter(
    "fusionxpay_events_consumed_total",
    "Events taken from the stream",
    consumer=_CONSUMER,
    outcome=("applied", "failed"),
)
EVENT_SECONDS = histogram(
    "fusionxpay_event_seconds", "Time from an event's commit until a consumer applied it", LONG_SECONDS,
    consumer=_CONSUMER,
)  # fmt: skip
DEAD_LETTERS = counter("fusionxpay_dead_letters_total", "Events given up on", consumer=_CONSUMER)
DEAD_LETTERS_OPEN = gauge("fusionxpay_dead_letters_open", "Dead letters that wait for an operator", consumer=_CONSUMER)
DEAD_LETTERS_OLDEST = gauge("fusionxpay_dead_letters_oldest_seconds", "Age of the oldest of them", consumer=_CONSUMER)
CONSUMER_WAITING = gauge(
    "fusionxpay_consumer_waiting", "Events in the stream that were not delivered; NaN: NATS cannot say",
    consumer=_CONSUMER,
)  # fmt: skip
CONSUMER_UNACKNOWLEDGED = gauge(
    "fusionxpay_consumer_unacknowledged", "Events that were delivered and are not acknowledged", consumer=_CONSUMER
)
LOCKS = counter("fusionxpay_locks_total", "Attempts to take a lock", outcome=("taken", "busy", "skipped", "away"))
ALERTS = counter(
    "fusionxpay_alerts_total", "Conditions that a person has to look at", alert=Varies("each of the alerts below")
)


class Alert:
    """A condition that a person has to look at: its counter exists from the start, and rules watch it."""

    def __init__(self, name: str, meaning: str) -> None:
        """Declare it; the meaning says what happened and what to do."""
        self.name = name
        self.meaning = meaning
        ALERTS.labels(name)

    def count(self) -> None:
        """Count one."""
        ALERTS.labels(self.name).inc()


def forget(module: ModuleType) -> None:
    """Tell nothing of what a module declares: it is another service's, which was imported for that one's sake."""
    ours = {id(value) for value in globals().values()}
    for declared in vars(module).values():
        if isinstance(declared, Alert):
            ALERTS.remove(declared.name)
        elif isinstance(declared, MetricWrapperBase) and id(declared) not in ours:
            REGISTRY.unregister(declared)


DEAD_LETTER = Alert("dead_letter", "a consumer gave up on an event: `fusionxpay dlq list`")
EVENT_FORGED = Alert(
    "event_forged", "somebody published in another service's name; nothing was applied: `fusionxpay dlq list`"
)
OUTBOX_EVENT_SET_ASIDE = Alert(
    "outbox_event_set_aside", "an event can never be put into the stream; its row tells why, and others go on"
)
