"""Logs and metrics: JSON lines with trace ids on stdout, Prometheus series by HTTP."""

from __future__ import annotations

import logging
import sys
from collections.abc import MutableMapping
from typing import Any

import orjson
import structlog
from prometheus_client import Counter, Gauge, Histogram, start_http_server
from structlog.tracebacks import ExceptionDictTransformer

from mesh import context

RPC_SECONDS = Histogram(
    "fusionxpay_rpc_server_seconds",
    "Time to answer an RPC",
    ["method", "code"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
STREAMS_OPEN = Gauge("fusionxpay_streams_open", "Streams that clients read now", ["method"])
OUTBOX_DEPTH = Gauge("fusionxpay_outbox_unpublished", "Events committed but not yet in the stream")
OUTBOX_OLDEST = Gauge("fusionxpay_outbox_oldest_seconds", "Age of the oldest event that is not yet in the stream")
OUTBOX_ASIDE = Counter("fusionxpay_outbox_set_aside_total", "Events that can never be put into the stream, set aside")
EVENTS_PUBLISHED = Counter("fusionxpay_events_published_total", "Events put into the stream")
EVENTS_CONSUMED = Counter("fusionxpay_events_consumed_total", "Events taken from the stream", ["consumer", "outcome"])
DEAD_LETTERS = Counter("fusionxpay_dead_letters_total", "Events given up on", ["consumer"])
DEAD_LETTERS_OPEN = Gauge("fusionxpay_dead_letters_open", "Dead letters that wait for an operator", ["consumer"])
DEAD_LETTERS_OLDEST = Gauge("fusionxpay_dead_letters_oldest_seconds", "Age of the oldest of them", ["consumer"])
CONSUMER_WAITING = Gauge("fusionxpay_consumer_waiting", "Events in the stream that were not delivered", ["consumer"])
CONSUMER_UNACKNOWLEDGED = Gauge(
    "fusionxpay_consumer_unacknowledged", "Events that were delivered and are not acknowledged", ["consumer"]
)
ALERTS = Counter("fusionxpay_alerts_total", "Conditions that a person has to look at", ["alert"])

Log = structlog.typing.FilteringBoundLogger


_component = "fusionxpay"


def _with_origin(_logger: Any, _name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    event["component"] = _component
    event.setdefault("trace_id", context.current().trace_id)
    return event


def _dumps(event: Any, **_: Any) -> bytes:
    return orjson.dumps(event, default=str)


def setup_logging(component: str, level: str) -> None:
    """Send all logs of the process to stdout, one JSON object a line, the libraries' warnings among them."""
    number = logging.getLevelNamesMapping()[level]
    structlog.configure(
        processors=[
            structlog.stdlib.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", key="time"),
            _with_origin,
            # never the locals of a frame: they hold request bodies and secrets
            structlog.processors.ExceptionRenderer(ExceptionDictTransformer(show_locals=False)),
            structlog.processors.EventRenamer("message"),
            structlog.processors.JSONRenderer(serializer=_dumps),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.BytesLoggerFactory(sys.stdout.buffer),
        cache_logger_on_first_use=True,
    )
    global _component
    _component = component
    logging.basicConfig(handlers=[_ToStructlog()], level=max(number, logging.WARNING), force=True)


class _ToStructlog(logging.Handler):
    """Carries what libraries log into the one format."""

    def emit(self, record: logging.LogRecord) -> None:
        info = record.exc_info if record.exc_info and record.exc_info[0] else None
        get_logger(record.name).log(record.levelno, record.getMessage(), exc_info=info)


def get_logger(name: str) -> Log:
    """Return a logger whose lines name the component and the module."""
    log: Log = structlog.get_logger(module=name)
    return log


def alert(name: str, log: Log, **fields: Any) -> None:
    """Raise a condition that a person has to look at: an error line and a counter that alert rules watch."""
    ALERTS.labels(name).inc()
    log.error("alert", alert=name, **fields)


def serve_metrics(listen: str) -> str:
    """Answer Prometheus on `host:port`, and return where that is: port 0 is a free one."""
    host, port = listen.rsplit(":", 1)
    server, _ = start_http_server(int(port), host)
    return f"{host}:{server.server_port}"
