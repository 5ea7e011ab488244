"""Logs and metrics: JSON lines with trace ids on stdout, Prometheus series by HTTP."""

from __future__ import annotations

import logging
import sys
from collections.abc import MutableMapping
from typing import Any

import orjson

from mesh import context
from mesh.importing import without
from mesh.metrics import Alert

# its renderer for terminals would be imported with it
with without("rich"):
    import structlog
    from structlog.tracebacks import ExceptionDictTransformer

Log = structlog.typing.FilteringBoundLogger


_component = "fusionxpay"


def _with_origin(_logger: Any, _name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    event["component"] = _component
    call = context.current()
    event.setdefault("trace_id", call.trace_id)
    if call.span_id:
        event.setdefault("span_id", call.span_id)
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


def alert(condition: Alert, log: Log, **fields: Any) -> None:
    """Raise a condition that a person has to look at: an error line and a counter that alert rules watch."""
    condition.count()
    log.error("alert", alert=condition.name, **fields)
